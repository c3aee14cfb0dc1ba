"""The words of the page in each language. What the verbs answer stays in English, because people search for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from flash_ticket.report.night.next_steps import Reason


class Language(StrEnum):
    """The language of the page, by its code (ISO 639-1)."""

    ENGLISH = "en"
    KOREAN = "ko"


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language; those in braces are filled in."""

    title: str
    taken: str
    period: str
    everything: str
    nothing_to_do: str
    something: str
    next_: str
    denied: str
    declared: str
    undeclared: str
    nothing_denied: str
    timeline: str
    pod: str
    vpc: str
    line: str
    lines: str
    more: str
    changed: str
    first_version: str
    no_connection: str
    not_compared: str
    runs: str
    never_deployed: str
    suspended: str
    until: str
    overdue: str
    nothing_suspended: str
    drifts: str
    as_declared: str
    remedy: str
    likely: str
    allows: str
    no_answer: str
    footer: str
    reasons: Mapping[Reason, str]

    def counted(self, count: int) -> str:
        """Return a number of lines in words."""
        return self.line if count == 1 else self.lines.format(count=f"{count:,}")


WORDS = {
    Language.ENGLISH: Words(
        title="{namespace} in {stack}: the night",
        taken="Read at {at}.",
        period="Traffic since {since}.",
        everything="All recorded traffic.",
        nothing_to_do="Nothing declared is denied, and everything runs as declared.",
        something="Somebody must act.",
        next_="Do next",
        denied="What is denied",
        declared="Declared, and denied",
        undeclared="Not declared, and denied",
        nothing_denied="Nothing was denied.",
        timeline="From the first to the last denied line of each connection",
        pod="pod layer",
        vpc="VPC layer",
        line="1 line",
        lines="{count} lines",
        more="and {count} more: flash-firewall denied lists all",
        changed="What changed",
        first_version="first deployment",
        no_connection="no connection opened or closed",
        not_compared="not compared: this program refuses this version or the one before it",
        runs="runs now",
        never_deployed="Nothing is deployed.",
        suspended="What is suspended",
        until="{policy}, until {until}, {said}",
        overdue="over, and still listed",
        nothing_suspended="No policy is suspended.",
        drifts="What drifts",
        as_declared="Everything that was looked at is as declared.",
        remedy="remedy",
        likely="likely",
        allows="would allow it, if it should be open",
        no_answer="No answer",
        footer="Made by flash-firewall from the answers of other verbs. The runbook has a path for each alert.",
        reasons={
            Reason.CUT_BY_A_CHANGE: "Version {about}, deployed in this period, closed what is denied now. Go back:",
            Reason.DRIFT: "Not as declared: {about}. The remedy of the most urgent one:",
            Reason.OVERDUE: "The suspension of {about} is over, and the policy may still be open. Close it:",
            Reason.UNEXPLAINED: "{about} is declared, and denied. This says which policy and rule decide:",
            Reason.SUSPEND: "If nothing else helps and it cannot wait, open the policy {about} for minutes:",
            Reason.UNDECLARED: "{about} undeclared connections are denied. They can wait until the day:",
            Reason.ASK_AGAIN: "A question has no answer. Its section below says why.",
            Reason.NOTHING: "Nothing.",
        },
    ),
    Language.KOREAN: Words(
        title="{namespace} ({stack}): 밤사이 상황",
        taken="{at}에 읽었습니다.",
        period="{since}부터의 트래픽입니다.",
        everything="기록된 트래픽 전체입니다.",
        nothing_to_do="선언한 연결은 막히지 않았고, 모두 선언한 대로 돌고 있습니다.",
        something="사람이 봐야 할 일이 있습니다.",
        next_="다음에 할 일",
        denied="막힌 것",
        declared="선언했는데 막힘",
        undeclared="선언하지 않았고 막힘",
        nothing_denied="막힌 것이 없습니다.",
        timeline="연결마다 막힌 첫 줄부터 마지막 줄까지",
        pod="파드 계층",
        vpc="VPC 계층",
        line="1줄",
        lines="{count}줄",
        more="외 {count}개: flash-firewall denied가 전부 보여 줍니다",
        changed="바뀐 것",
        first_version="첫 배포",
        no_connection="열리거나 닫힌 연결 없음",
        not_compared="비교하지 못함: 지금 프로그램이 이 버전이나 그 앞 버전을 받아들이지 않습니다",
        runs="지금 실행 중",
        never_deployed="배포된 것이 없습니다.",
        suspended="일시 해제된 정책",
        until="{policy}, {until}까지, {said}",
        overdue="기한이 지났는데 목록에 남아 있음",
        nothing_suspended="일시 해제된 정책이 없습니다.",
        drifts="선언과 다른 것",
        as_declared="살펴본 것은 모두 선언한 대로입니다.",
        remedy="조치",
        likely="원인으로 보이는 것",
        allows="열려 있어야 한다면 이 줄로 허용됩니다",
        no_answer="답을 얻지 못함",
        footer="flash-firewall이 denied, verify, rollback의 답으로 만들었습니다. 알림마다 할 일은 런북에 있습니다.",
        reasons={
            Reason.CUT_BY_A_CHANGE: "이 기간에 배포된 버전 {about}에서 닫은 연결이 지금 막히고 있습니다. 되돌리려면:",
            Reason.DRIFT: "선언과 다른 것이 {about}개 있습니다. 가장 급한 것의 조치:",
            Reason.OVERDUE: "{about}의 일시 해제 기한이 지났는데 아직 열려 있을 수 있습니다. 닫으려면:",
            Reason.UNEXPLAINED: "{about}은 선언했는데 막혔습니다. 어떤 정책과 규칙이 결정하는지 보려면:",
            Reason.SUSPEND: "다른 방법이 없고 기다릴 수 없다면 정책 {about}을(를) 잠시만 여세요:",
            Reason.UNDECLARED: "선언하지 않은 연결 {about}개가 막혔습니다. 낮에 봐도 됩니다:",
            Reason.ASK_AGAIN: "답을 얻지 못한 질문이 있습니다. 이유는 아래에 있습니다.",
            Reason.NOTHING: "없습니다.",
        },
    ),
}
