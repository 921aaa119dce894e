"""What an HTML report says, read out of the page: numbers with their exact values, and all of its text."""

from html.parser import HTMLParser


class Read(HTMLParser):
    """numbers: {data-name: [(data-value, what is read)]}.   tags: all elements' names.   text: all text."""

    def __init__(self, page: str):
        super().__init__()
        self.numbers: dict[str, list[tuple[str, str]]] = {}
        self.tags: list[str] = []
        self.open: str | None = None
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        self.tags.append(tag)
        self.open = told.get("data-name")
        if self.open is not None:
            self.numbers.setdefault(self.open, []).append((told["data-value"], ""))

    def handle_data(self, data):
        self.text += data
        if self.open is not None:
            self.numbers[self.open][-1] = (self.numbers[self.open][-1][0], data)
            self.open = None


def expected_of_run(report: dict) -> dict[str, str]:
    """The exact numbers that a page of this report has, by their names there."""
    stages = [stage for stage, value in report["accuracy"].items() if value is not None]
    found = {f"values.{stage}": report["accuracy"][stage] for stage in stages}
    found |= {f"correct.{stage}": report["correct"][stage] for stage in stages}
    for name in ("macs", "parameters", "bytes"):
        found[f"baseline.{name}"] = report[name]["baseline"]
        found[f"{stages[-1]}.{name}"] = report[name]["final"]
        found[f"removed.{name}"] = 1 - report[name]["final"] / report[name]["baseline"]
    for batch, told in ((64, report["latency_ms"]), (1, report["latency_ms"]["batch_1"])):
        for stage in ("baseline", "final"):
            found[f"latency_ms.{stage}.{batch}"] = told[stage]
            low, high = told["spread"][stage]
            found |= {f"latency_ms.{stage}.{batch}.low": low, f"latency_ms.{stage}.{batch}.high": high}
    found |= {f"flips.{kind}": count for kind, count in report["flips"].items()}
    return {name: str(value) for name, value in (found | {"agreement": report["agreement"]}).items()}
