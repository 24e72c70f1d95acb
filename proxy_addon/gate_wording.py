"""What a call that may not go is told, in sentences for the person at the agent."""

from app.core.money import format_call_usd, format_usd
from app.core.reservations import Draft, Obstacle, Refusal

STOPPED_MESSAGE = "This session was stopped in Bursar. Let it go on there before it is used again."


def refused_by_person(obstacle: Obstacle | None) -> str:
    """What a person said no to."""
    if obstacle is not None and obstacle.refusal is Refusal.LOOP:
        return f"{obstacle.words} It was stopped in Bursar. Do something else, or say what stands in the way."
    if obstacle is not None and obstacle.refusal is Refusal.CLOCK:
        return f"Refused in Bursar. {obstacle.words}"
    if obstacle is not None and obstacle.is_team:
        return f"Refused by a lead of your team: its cap is reached ({obstacle.cap_name})."
    about = f" ({obstacle.cap_name})" if obstacle else ""
    return f"Refused in Bursar: the cap is reached{about}. Raise the cap or approve the next call to go on."


def sentence(obstacle: Obstacle, draft: Draft) -> str:
    """What stands in the way, for the person at the agent; of a loop, for the model in it too."""
    if obstacle.refusal is Refusal.CLOCK:
        return f"{obstacle.words} Say there whether the clock is right."
    if obstacle.refusal is Refusal.LOOP:
        return f"{obstacle.words} Bursar holds it up here. Do something else, or let it go on in Bursar."
    cap = f"{'Your team' if obstacle.is_team else 'Bursar'}'s cap “{obstacle.cap_name}”"
    if obstacle.refusal is Refusal.UNPRICED:
        way_on = "Ask a lead of your team." if obstacle.is_team else "Raise or remove the cap."
        return f"{cap} cannot be kept for {draft.request_model}, whose price is not known. {way_on}"
    used = f"{format_usd(obstacle.spent_nano_usd)} of {format_usd(obstacle.limit_nano_usd)}"
    if obstacle.refusal is Refusal.CONTENDED:
        return f"{cap} is taken up by other calls on their way ({used} spent). Try again when they have ended."
    if obstacle.refusal is Refusal.CUT:
        return f"{cap} was reached in the middle of an answer, which ended there: {used} spent. Raise the cap to go on."
    resets = f" It resets on {obstacle.resets_at:%Y-%m-%d %H:%M} UTC." if obstacle.resets_at else ""
    needs = f"this call can cost up to {format_call_usd(draft.worst_nano_usd)}"
    way_on = (
        "A lead of your team can approve the call or raise the cap" if obstacle.is_team else "Raise the cap in Bursar"
    )
    return f"{cap} is reached: {used} spent, and {needs}.{resets} {way_on} to go on."
