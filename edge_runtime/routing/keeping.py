"""What the owner lets the device keep: conversations, and answers of the large model."""

from __future__ import annotations

import msgspec

SIMILARITY = 0.8  # from benchmarks/answer_cache

# Labels whose answer is another one a moment later, elsewhere, or each time. `Hass…` asks for the
# state of a home.
VOLATILE: tuple[str, ...] = (
    "Hass*",
    "alarm*", "calendar*", "datetime*", "email*", "lists*", "news*", "qa_currency", "qa_stock",
    "recommendation*", "social*", "transport*", "weather*", "takeaway*",
    "date", "time", "timer", "timezone", "traffic", "directions", "distance", "current_location",
    "exchange_rate", "flight_status", "gas*", "tire_pressure", "oil_change*", "next_song",
    "what_song", "todo_list*", "shopping_list*", "reminder*", "meeting_schedule", "next_holiday",
    "balance", "bill_*", "transactions", "spending_history", "credit_*", "min_payment",
    "interest_rate", "pto_*", "payday", "income", "order_status", "card_*", "application_status",
    "travel_alert", "restaurant_*", "how_busy", "pay_bill", "transfer", "insurance*",
    "general_joke", "tell_joke", "fun_fact", "flip_coin", "roll_dice", "general_repeat", "repeat",
)  # fmt: skip


class CachePolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Whether an answer of the large model may be given again, and for how long.

    ``on`` is whether answers are kept at all, ``ttl_s`` how long, ``most_answers`` how many.
    ``similarity`` is the least cosine at which a question in other words has the same answer; above
    1, only the same text has. ``across_clients`` lets one client have the answer that another one
    was given. ``volatile`` are shell patterns of intents and commands whose answers are not kept,
    since they depend on the moment.
    """

    on: bool = False
    ttl_s: float = 86_400.0
    most_answers: int = 500
    similarity: float = SIMILARITY
    across_clients: bool = False
    volatile: tuple[str, ...] = VOLATILE

    def __post_init__(self) -> None:
        if not 0 < self.ttl_s < float("inf"):
            raise ValueError("ttl_s must be positive")
        if self.most_answers < 1:
            raise ValueError("most_answers must be 1 or more")
        if self.similarity <= 0:
            raise ValueError("similarity must be positive; above 1, only the same text fits")


class SessionPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How long a session is kept after its last turn, and how much of it goes along.

    Of a client ``most_sessions`` are kept, and ``most_turns`` of each; the large model gets the
    last of these, of at most ``history_tokens`` tokens of the bundle's tokenizer, none if 0.
    """

    ttl_s: float = 3600.0
    most_sessions: int = 50
    most_turns: int = 20
    history_tokens: int = 256

    def __post_init__(self) -> None:
        if not 0 < self.ttl_s < float("inf"):
            raise ValueError("ttl_s must be positive")
        if min(self.most_sessions, self.most_turns) < 1:
            raise ValueError("most_sessions and most_turns must be 1 or more")
        if self.history_tokens < 0:
            raise ValueError("history_tokens must be 0 or more")
