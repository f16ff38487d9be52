"""A static leaderboard over result folders: one page, and the report of each folder."""

from lifelong_lb.reports.site.leaderboard import leaderboard
from lifelong_lb.reports.site.studies import SiteStudy, read_studies
from lifelong_lb.reports.site.write import Site, write_site

__all__ = ["Site", "SiteStudy", "leaderboard", "read_studies", "write_site"]
