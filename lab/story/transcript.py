"""The transcript of the demo: the parts that differ between runs, and its place in docs/demo.md."""

import re

_START, _END = "<!-- transcript: make demo -->\n```text\n", "```\n<!-- end of transcript -->"

_VARYING = (
    (re.compile(r"\bsg-[0-9a-f]{17}\b"), "sg-<id>"),
    (re.compile(r"\b(eks-cluster-sg-[a-z-]+)-\d+"), r"\1-<number>"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+]0000 UTC"), "<time>"),
    (re.compile(r"(?m)^(    0\S+ +\S+ +)\S+$"), r"\1<age>"),
    (re.compile(r"(?m)^(  pulumi \w+): \d+ s$"), r"\1: <seconds> s"),
    (re.compile(r"((?:arn:aws:s3:::|s3://)\S+?-flow-logs-)\d+"), r"\1<number>"),
    (re.compile(r"\beni-[0-9a-f]{17}\b"), "eni-<id>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "<time>"),
    (re.compile(r"\(\d+ min\)"), "(<minutes> min)"),
    (re.compile(r"\bdrops \S+ packets a second"), "drops <rate> packets a second"),
    (re.compile(r"(arn:aws:kms:\S+:key/)[0-9a-f-]+"), r"\1<id>"),
    (re.compile(r"\b10\.10\.10\.\d+ (connected|timed-out)"), r"<pod> \1"),
    (re.compile(r"\b(flash-\w+)-[0-9a-f]+-\w{5}\b"), r"\1-<id>"),
    (re.compile(r"\b10\.10\.10\.\d+\b"), "<pod>"),
    (re.compile(r"\bpods \d+,"), "pods <number>,"),  # without a node, the demo takes the pods away
)
_COUNTED = re.compile(r"(?m)^  flash-firewall (?:denied|replay) .*\n(?:(?!== |  \S).*\n)*")
"""An answer about packets. Its lines depend on moments; the story itself asks what connects."""
_OF_PODS = (
    (re.compile(r"(?m)^== \w+: packets, .*\n(?:(?!== ).*\n)*"), ""),
    (re.compile(r"(?m)^    CUT OFF  pod .*\n(?:      .*\n)*\n"), ""),
    (re.compile(r"\b\d+ things are not as declared"), "<number> things are not as declared"),
)


def settled(transcript: str) -> str:
    """Replace everything that differs between runs with placeholders in angle brackets."""
    for pattern, replacement in _VARYING:
        transcript = pattern.sub(replacement, transcript)
    return _COUNTED.sub(_first_line, transcript).strip() + "\n"


def _first_line(answer: re.Match[str]) -> str:
    return answer[0].partition("\n")[0] + "\n"


def without_packets(transcript: str) -> str:
    """Return a transcript without what it shows of running pods: only a machine with a node has them."""
    for pattern, replacement in _OF_PODS:
        transcript = pattern.sub(replacement, transcript)
    return transcript


def kept_in(page: str) -> str:
    """Return the transcript in a page.

    Raises:
        ValueError: The page has no transcript.
    """
    return page[page.index(_START) + len(_START) : page.index(_END)]


def put_in(page: str, transcript: str) -> str:
    """Return the page with its transcript replaced.

    Raises:
        ValueError: The page has no transcript to replace.
    """
    start = page.index(_START) + len(_START)
    return page[:start] + transcript.strip() + "\n" + page[page.index(_END) :]
