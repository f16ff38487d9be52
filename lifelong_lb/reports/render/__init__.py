"""Formats of tables: each module formats any :class:`~lifelong_lb.reports.tables.styled.StyledTable`."""
