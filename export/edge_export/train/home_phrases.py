"""What is added to Home Assistant's templates: how often a word is said, and sentences of our own.

Grammar is that of ``home_templates``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

# In the place of the rules of the same name; what stands more than once is said more often.
RULES = {
    "the": "(the|the|the|the|my|our)",
    "turn": "(turn|turn|turn|turn|switch|switch|switch|change|bring)",
    "light": "(light|light|lights|lights|lights|lights|lighting|lamp|lamps)",
    "in": "(in|in|in|in|in|on|at|of|across|around|throughout)",
    "set": "(set|set|set|make|change|turn)",
    "numeric_value_set": (
        "(set|set|set|set|change|change|turn|turn (up|down)|increase|decrease|make)"
    ),
    "brightness": "{brightness}[(%|%| %| percent| percent| percent)]",
    "position": "{position}[(%|%| %| percent| percent| percent)]",
    "volume": "{volume:volume_level}[(%|%| %| percent| percent| percent)]",
    "temperature": "{temperature}[(°| °| degrees| degrees| degrees)]",
    "shop_item": "{shopping_list_item:item}",
    "an_hour": "({one:hours} hour|{one:hours} hour and [a] {timer_half:minutes}|"
    "{timer_hours:hours} and a {timer_half:minutes} hours)",
}

BEFORE = (
    ("please", 6), ("can you", 4), ("could you", 4), ("would you", 2), ("hey", 1), ("ok", 1),
    ("i want you to", 1), ("i'd like you to", 1), ("could you please", 2), ("can you please", 2),
    ("would you please", 1), ("go ahead and", 1), ("just", 1),
)  # fmt: skip
AFTER = (("please", 6), ("for me", 3), ("now", 1), ("thanks", 1), ("right now", 1))
NOT_ASKED_POLITELY = (
    "HassNevermind", "HassRespond", "HassGetState", "HassGetWeather", "HassTimerStatus",
    "HassGetCurrentTime", "HassGetCurrentDate", "HassClimateGetTemperature", "HassBroadcast",
    "HassStartTimer", "HassMediaSearchAndPlay",
)  # fmt: skip


@dataclass(frozen=True)
class Phrases:
    """Sentences of one intent that leave the same slots unsaid; ``domain`` is that of the name."""

    intent: str
    sentences: tuple[str, ...]
    slots: dict[str, str] = field(default_factory=dict)
    domain: str | None = None


OWN = (
    Phrases("HassNevermind", (
        "[(oh|no|okay|sorry|actually|um|well)] (never mind|nevermind) [(that|it)] [thanks]",
        "[(no|oh|okay|actually)] (forget|ignore|scrap|drop) [about] (it|that)",
        "[(oh|no|actually)] (forget|scrap|ignore) what i [just] said",
        "[(no|actually|sorry)] cancel (that|it|this)",
        "[(no|sorry|oh)] don't bother", "(oh|no|sorry) (it's|that's) nothing", "it's nothing",
        "[no] leave it [(as it is|be|alone)]", "(no|nah) i changed my mind", "i changed my mind",
        "stop listening", "i didn't (mean|say) (that|anything)", "i wasn't talking to you",
    )),
    Phrases("HassRespond", (
        "(hello|hi|hey) [home assistant]", "(hello|hi) there [home assistant]",
        "are you [always] (listening|recording) [(to me|me|everything)]",
        "(do|are) you always (listen|listening) [to me]",
        "where (does|do) [all] (my|the|our) (data|voice|recordings) go [to]",
        "what can i (say|ask|tell) [(you|here)]", "what commands (are there|can i use)",
        "who (made|created|built|programmed) you [home assistant]",
    )),
    Phrases("HassGetCurrentTime", (
        "[(hey|so|okay)] what time is it [(now|here|right now)]",
        "(what's|what is|tell me|give me|say) the [current] time [please]",
        "do you know what time it is", "(can|could) you tell me (the time|what time it is)",
        "time please", "[what's] the time",
    )),
    Phrases("HassGetCurrentDate", (
        "what (date|day) is it [today]", "what is (today's|the current) date [please]",
        "(tell me|give me|say|what's) [(the|today's)] date [today]",
        "do you know (what date it is|today's date)", "(can|could) you tell me [the] date [today]",
    )),
    Phrases("HassStartTimer", (
        "(set|start|create) a timer for <an_hour>", "timer for <an_hour>",
        "(set|start) [a|an] {one:hours} hour timer [(for|called|named) {timer_name:name}]",
        "set a {timer_name:name} timer for <timer_duration>",
        "count down <timer_duration>", "start [a] <timer_duration> {timer_name:name} timer",
    )),
    Phrases("HassIncreaseTimer", (
        "give me <timer_duration> more on [the|my] {timer_name:name} timer",
        "give me <timer_duration> more on [the|my] timer", "add <an_hour> to [the|my] timer",
        "extend [the|my] [{timer_name:name}] timer by <timer_duration>",
    )),
    Phrases("HassDecreaseTimer", (
        "shorten [the|my] [{timer_name:name}] timer by <timer_duration>",
        "remove <an_hour> from [the|my] timer",
    )),
    Phrases("HassTimerStatus", (
        "how (long|much time) do i have left on [the|my] [{timer_name:name}] timer",
        "when (is|will) [the|my] {timer_name:name} timer [be] (done|over|up)",
        "when (is|will) [the|my] timer [be] (done|over|up)", "check [the|my] timer[s]",
    )),
    Phrases("HassMediaPause", ("pause (the|my) (music|song|show|movie|podcast)", "pause it")),
    Phrases("HassMediaPause", ("pause (the|my) {name}",), domain="media_player"),
    Phrases("HassMediaUnpause", (
        "(unpause|resume) (the|my) (music|song|show|movie|podcast)", "continue playing",
    )),
    Phrases("HassMediaUnpause", ("resume playback on <name>",), domain="media_player"),
    Phrases("HassVacuumReturnToBase", (
        "send <name> [back] (home|to base|to its base|to the dock)", "dock <name>",
        "(return|bring) <name> (home|to the dock|to its dock|to base)",
    ), domain="vacuum"),
    Phrases("HassVacuumStart", (
        "start <name>", "(run|launch) <name>", "start cleaning with <name>",
    ), domain="vacuum"),
    Phrases("HassVacuumStart", ("(vacuum|clean) <floor>",)),
    Phrases("HassLightSet", (
        "dim <area> <light> to <brightness>", "dim <floor> <light> to <brightness>",
        "(make|turn|set) <area> <light> {color}", "brighten <area> [<light>] to <brightness>",
    )),
    Phrases("HassLightSet", (
        "dim <name> to <brightness>", "(make|turn|set) <name> [to] {color}",
        "brighten <name> to <brightness>",
    ), domain="light"),
    Phrases("HassClimateSetTemperature", (
        "set <name> to {temperature} degrees [(celsius|fahrenheit)]",
        "turn <name> (up|down) to <temperature>",
    ), domain="climate"),
    Phrases("HassClimateSetTemperature", (
        "(heat|cool) <area> to <temperature>", "make it {temperature} degrees [in <area>]",
        "set [the] (temp|temperature) in <area> to {temperature} degrees [(celsius|fahrenheit)]",
    )),
    Phrases("HassShoppingListAddItem", (
        "add <shop_item> to [the|my|our] shopping list", "put <shop_item> on the shopping list",
        "i need <shop_item> on [my|the] shopping list",
    )),
)  # fmt: skip
