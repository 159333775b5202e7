"""What the journal keeps of a shot."""

from desk.volley import Shot
from domain.events import ShotAnswered, ShotSent


def shot_record(shot: Shot) -> tuple[ShotSent, ShotAnswered]:
    """Of one that left and was answered, or will not be any more; instants in exchange time as it was known then."""
    name, by = shot.request.client_order_id, shot.aimed_by
    return (
        ShotSent(
            client_order_id=name,
            price=shot.request.price,
            quantity=shot.request.quantity,
            planned_at=shot.aim,
            sent_at=by.exchange_instant(shot.sent),
            late_us=round((shot.sent - shot.at) * 1e6),
            bound_us=round(by.bound_at(shot.sent) * 1e6),
            one_way_us=round(by.way_s * 1e6),
            line=shot.line,
            quote=shot.request.quote,
        ),
        ShotAnswered(
            client_order_id=name,
            answer=shot.answer,
            code=shot.code,
            text=shot.text,
            after_us=round((shot.answered - shot.sent) * 1e6),
            first_byte_us=None if shot.first_byte is None else round((shot.first_byte - shot.sent) * 1e6),
        ),
    )
