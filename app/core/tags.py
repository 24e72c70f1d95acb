"""Who a call is charged to."""

from dataclasses import dataclass, replace
from enum import StrEnum

MAX_LABEL_LENGTH = 120
MAX_NAME_LENGTH = 200


class Scope(StrEnum):
    """What a cap can apply to and spend can be grouped by. `everything` is the person's own total."""

    EVERYTHING = "everything"
    USER = "user"
    TEAM = "team"
    PROJECT = "project"
    AGENT = "agent"
    TASK = "task"
    SESSION = "session"
    VIRTUAL_KEY = "virtual_key"
    PROVIDER = "provider"
    MODEL = "model"


class Billing(StrEnum):
    """Who is paid for a call, and how: the API by the token, or a subscription that covers it at a flat price.

    A call is a subscription's when the login of one is what goes to the provider: Claude's, ChatGPT's or Google's. Its
    cost is what the API would have asked for it, which nobody pays; so it is shown, and is no money to any sum or cap,
    but for caps that were told to count subscriptions too. What a provider bills beyond a plan's allowance cannot be
    told from outside.
    """

    API = "api"
    SUBSCRIPTION = "subscription"


@dataclass(frozen=True, slots=True)
class Tags:
    """Labels of one call. All but task and session come from the virtual key, so that an agent cannot choose who pays.

    An empty string means: not told.
    """

    project: str = ""
    agent: str = ""
    user: str = ""
    team: str = ""
    task: str = ""
    session: str = ""
    virtual_key_id: str = ""

    def labelled(self, task: str = "", session: str = "") -> "Tags":
        """The same payer with the labels an agent may add. A task set by the key stays; its session is for agents that
        name none."""
        if not task and not session:
            return self
        return replace(self, task=self.task or clean_label(task), session=clean_label(session) or self.session)


def clean_label(text: str, max_length: int = MAX_LABEL_LENGTH) -> str:
    """A label made safe to show and to store: control and direction-changing characters and halves of surrogate pairs
    out, white space folded, length capped.

    Agents choose these texts, and they stand beside answer buttons (threat T25).
    """
    if len(text) <= max_length and text.isprintable() and text == text.strip(" ") and "  " not in text:
        return text
    visible = "".join(char if char.isprintable() else " " for char in text)
    folded = " ".join(visible.split())
    return folded if len(folded) <= max_length else folded[: max_length - 1] + "…"


def clean_name(text: str) -> str:
    """A model's name, an id or an error's name from the wire, made safe to show and to store."""
    return clean_label(text, MAX_NAME_LENGTH)
