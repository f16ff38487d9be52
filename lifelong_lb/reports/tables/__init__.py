"""Tables: frames to :class:`~lifelong_lb.reports.tables.styled.StyledTable`, which ``reports.render`` formats."""
