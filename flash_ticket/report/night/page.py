"""The page for the night, as HTML. It is one file and loads nothing: no script, no font, no image of others."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from flash_ticket.firewall.terms.moment import written
from flash_ticket.report.night.next_steps import Reason, next_steps
from flash_ticket.report.night.night import Night, NoAnswer
from flash_ticket.report.night.timeline import MOST_ROWS, TEXT, timeline
from flash_ticket.report.night.words import WORDS, Language
from flash_ticket.report.picture.markup import Markup, element, html_document, text
from flash_ticket.report.picture.style import STYLE
from flash_ticket.report.rollback import ListedVersion
from flash_ticket.report.traffic.traffic_words import ends, span, totals_lines, who
from flash_ticket.traffic.denials.denied import Denial
from flash_ticket.verify.finding import Finding

Shown = TypeVar("Shown")

_MOST_VERSIONS = 5
_MOST_CHANGES = 12
_OWN_STYLE = (
    "main{padding-bottom:1rem}pre{background:var(--band);border:1px solid var(--line);border-radius:8px;"
    "padding:.6rem .9rem;overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere;margin:.35rem 0 1rem}"
    "pre:focus-visible{outline:3px solid var(--flow);outline-offset:2px}"
    ".lines{white-space:pre;overflow-wrap:normal;font-size:.85rem}"
    "ol{padding-left:1.4rem}h3{font-size:1.05rem;margin:1.5rem 0 .5rem}"
    ".timeline{display:block;width:100%;max-width:28rem;height:auto;min-width:0;zoom:1;"
    f"font-size:{TEXT}px;fill:var(--ink)}}"
    ".timeline .less{fill:var(--faint)}"
    ".timeline .axis{stroke:var(--line)}.timeline .pod{fill:var(--flow)}.timeline .vpc{fill:var(--bad)}"
)


def night_page(night: Night, language: Language) -> str:
    """Return the page as an HTML document."""
    return _Page(night, language).document()


@dataclass(frozen=True, slots=True)
class _Page:
    night: Night
    language: Language

    def document(self) -> str:
        words, night = WORDS[self.language], self.night
        title = words.title.format(namespace=night.namespace, stack=night.stack)
        content = (
            element("header", None, *self._header(title)),
            element("main", None, *self._sections()),
            element("footer", None, element("p", None, words.footer)),
        )
        return html_document(title, self.language.value, (STYLE, _OWN_STYLE), content)

    def _header(self, title: str) -> Iterator[Markup]:
        words, night = WORDS[self.language], self.night
        period = words.everything if night.since is None else words.period.format(since=written(night.since))
        yield element("h1", None, title)
        yield element("p", {"class": "lead"}, f"{words.taken.format(at=written(night.taken))} {period}")
        verdict = words.nothing_to_do if night.holds else words.something
        yield element("p", {"class": "verdict" if night.holds else "verdict fails"}, element("strong", None, verdict))

    def _sections(self) -> Iterator[Markup]:
        words = WORDS[self.language]
        for name, heading, content in (
            ("next", words.next_, self._next()),
            ("denied", words.denied, self._denied()),
            ("changed", words.changed, self._changed()),
            ("suspended", words.suspended, self._suspended()),
            ("drift", words.drifts, self._drifts()),
        ):
            yield element("section", {"id": name}, element("h2", None, heading), *content)

    def _next(self) -> Iterator[Markup]:
        words, steps = WORDS[self.language], []
        for each in next_steps(self.night):
            said = element("p", None, words.reasons[each.reason].format(about=each.about))
            steps.append(element("li", None, said, *([element("pre", None, each.command)] if each.command else ())))
            if each.reason is Reason.NOTHING:
                yield said
                return
        yield element("ol", None, *steps)

    def _denied(self) -> Iterator[Markup]:
        words, night = WORDS[self.language], self.night
        found = night.traffic.found
        if found is None:
            yield from self._missing(night.traffic.missing)
            return
        every = (*night.declared, *night.undeclared)
        if every:
            begin = min([each.first for each in every], default=night.taken) if night.since is None else night.since
            plot = timeline(every, begin, night.taken, words)
            yield element("figure", None, plot, element("figcaption", None, words.timeline))
        else:
            yield element("p", None, words.nothing_denied)
        for heading, denials in ((words.declared, night.declared), (words.undeclared, night.undeclared)):
            if denials:
                yield element("h3", None, f"{heading} ({len(denials)})")
                yield from self._shortened(denials, self._denial)
        yield _lines(totals_lines(found.traffic.totals))

    def _denial(self, denial: Denial) -> Markup:
        words = WORDS[self.language]
        count = words.counted(denial.count)
        summary = element(
            "summary",
            None,
            element("b", None, ends(denial)),
            element("span", None, f"  {count}, {span(denial.first, denial.last)}"),
        )
        parts = [
            element("dd", None, f"{who(denial.sources, denial.callers)} => {who(denial.destinations, denial.called)}")
        ]
        parts += [element("dd", None, each) for each in denial.decided]
        for cause in denial.causes:
            parts += [element("dt", None, f"{words.likely}: {cause.problem}"), element("dd", None, cause.remedy)]
        if denial.allowance and denial.allowance.line:
            parts += [element("dt", None, words.allows), element("dd", None, denial.allowance.line)]
        attributes = {"open": "open"} if denial.allowance is None else None
        return element("details", attributes, summary, element("dl", None, *parts))

    def _changed(self) -> Iterator[Markup]:
        words, night = WORDS[self.language], self.night
        if night.versions.found is None:
            yield from self._missing(night.versions.missing)
            return
        if not night.versions.found:
            yield element("p", None, words.never_deployed)
        for number, each in enumerate(night.changes[:_MOST_VERSIONS]):
            head = f"{each.version.number}  {each.version.since}"
            yield element("h3", None, f"{head}  {words.runs}" if number == 0 else head)
            yield _lines(self._changes(each))

    def _changes(self, listed: ListedVersion) -> Iterator[str]:
        words = WORDS[self.language]
        if listed.changed is None:
            yield words.first_version if listed.version.number == 1 else words.not_compared
            return
        through = listed.changed.through_both
        yield from map(str, through[:_MOST_CHANGES])
        if len(through) > _MOST_CHANGES:
            yield f"+ {len(through) - _MOST_CHANGES}"
        if not through:
            yield words.no_connection

    def _suspended(self) -> Iterator[Markup]:
        words, suspensions = WORDS[self.language], self.night.suspensions
        if not suspensions.listed:
            yield element("p", None, words.nothing_suspended)
        for each in suspensions.listed:
            said = words.until.format(policy=each.policy, until=each.end, said=each.said())
            yield element("p", None, f"{said} ({words.overdue})" if each in suspensions.over else said)

    def _drifts(self) -> Iterator[Markup]:
        words, verification = WORDS[self.language], self.night.verification
        if verification.found is None:
            yield from self._missing(verification.missing)
            return
        if verification.found.holds:
            yield element("p", None, words.as_declared)
        yield from self._shortened(verification.found.drift, self._finding)

    def _finding(self, finding: Finding) -> Markup:
        head = f"{finding.kind.value}: {finding.where}"
        return element(
            "details",
            {"open": "open"},
            element("summary", None, element("b", None, head), element("span", None, f"  {finding.what}")),
            element(
                "dl",
                None,
                element("dd", None, finding.why),
                element("dt", None, WORDS[self.language].remedy),
                element("dd", None, finding.remedy),
            ),
        )

    def _shortened(self, found: Sequence[Shown], shown: Callable[[Shown], Markup]) -> Iterator[Markup]:
        yield from map(shown, found[:MOST_ROWS])
        if len(found) > MOST_ROWS:
            yield element("p", None, WORDS[self.language].more.format(count=len(found) - MOST_ROWS))

    def _missing(self, missing: NoAnswer | None) -> Iterator[Markup]:
        why = missing.error if missing else ""
        yield element("p", None, element("strong", None, f"{WORDS[self.language].no_answer}: "), why)


def _lines(lines: Iterable[str]) -> Markup:
    return element("pre", {"class": "lines", "tabindex": "0"}, Markup("\n".join(map(text, lines))))
