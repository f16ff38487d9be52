"""The gallery of stored results."""

from lifelong_docs.gallery import figure, figures, gallery, studies

STUDIES = {study.title: study for study in studies()}


def test_every_study_has_a_row_and_a_figure():
    folders = [f'href="leaderboard/{study.slug}/report.html"' for study in STUDIES.values()]
    assert len(folders) > 10
    assert all(folder in gallery() and folder in figures() for folder in folders)


def test_a_figure_names_the_rules_of_its_study():
    svg = figure(STUDIES["split-cifar100-online"]).decode()
    assert [name in svg for name in ("plain SGD", "SAM", "Lookbehind-SAM", "Fine-tuning")] == [True] * 4
    assert "SAM" not in figure(STUDIES["split-mnist-lwf-ordered"]).decode()
