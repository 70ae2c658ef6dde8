"""Results side by side: found in folders, put into tables once, shown in a terminal, as Markdown or as a page.

A table holds the results of one benchmark in one version with one decoding; other results of it get a table of their
own, which states the differences.
"""

from gd2po.evaluation.leaderboard.finding import CollectedResults, Result, find_results
from gd2po.evaluation.leaderboard.markdown import to_html, to_markdown
from gd2po.evaluation.leaderboard.tables import Table, build_tables
from gd2po.evaluation.leaderboard.terminal import show

__all__ = ["CollectedResults", "Result", "Table", "build_tables", "find_results", "show", "to_html", "to_markdown"]
