"""Long commands say how far they are: a bar on a terminal, a line now and then elsewhere."""

from io import StringIO

from rich.console import Console

from stations.progress import ConsoleProgress


def test_plain_lines_where_there_is_no_terminal():
    output = StringIO()
    with ConsoleProgress("Importing", Console(file=output, width=80)) as progress:
        for row in range(1000):
            progress(row, 1000, "[bold]reading[/bold]")
        progress(1000)
    assert output.getvalue().splitlines() == [
        "Importing: 0 % [bold]reading[/bold]",
        "Importing: 100 % [bold]reading[/bold]",
    ]


def test_an_unknown_total_is_told_as_a_count():
    output = StringIO()
    with ConsoleProgress("Reading", Console(file=output, width=80)) as progress:
        progress(12_345)
    assert output.getvalue().splitlines()[-1] == "Reading: 12,345"


def test_a_bar_on_a_terminal():
    output = StringIO()
    with ConsoleProgress("Importing", Console(file=output, width=100, force_terminal=True)) as progress:
        progress(50, 100, "half way")
    assert "Importing" in output.getvalue()
    assert "50%" in output.getvalue()
    assert "half way" in output.getvalue()
