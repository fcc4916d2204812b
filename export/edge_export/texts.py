"""Texts that are always the same, for calibration and comparison when the user gives none."""

from __future__ import annotations

TEXTS = (
    "Turn on the light in the kitchen.",
    "The battery of this phone lasts two days, and I am very happy with it!",
    "Angela Merkel met Tim Cook of Apple in Berlin on Monday.",
    "what is the weather like tomorrow",
    "I waited for an hour and nobody came; never again.",
    "In 1969, Apollo 11 landed on the Moon, and millions of people watched it on television.",
    "naïve café — 東京 🙂",
    "ok",
    "Set an alarm for half past six on weekdays.",
    "Could you please tell me how far it is from Lisbon to Porto by train?",
    "The soup was cold, the waiter was rude, and the bill was wrong.",
    "Nothing special, but for the price it does what it should.",
    "Water boils at a lower temperature on a mountain, because the pressure of the air is lower.",
    "Dr. Maria Silva works for the University of Oslo and lives at 12 Harbour Street.",
    "dim the lamp in the living room to thirty percent",
    "My order 48213 has not arrived, and the tracking page shows nothing.",
    "The committee will vote on the proposal in March, the chairman said on Thursday.",
    "How do I reset the password of my account?",
    "Best film I have seen this year.",
    "The engine makes a strange noise when it is cold.",
    "Add milk, eggs and two loaves of bread to the shopping list.",
    "Rain is expected in the north, with winds of up to 60 kilometres per hour.",
    "He did not say that he was sorry; he said that it was a pity.",
    "Please call +44 20 7946 0991 or write to help@example.org before Friday.",
    "play some quiet music in the bedroom",
    "The patient was given 5 mg twice a day and left the hospital after a week.",
    "Why does ice float on water?",
    "Sales rose by 4.2 per cent to 1.3 billion euros in the third quarter.",
    "She opened the window, looked at the sea, and began to write a letter to her brother.",
    "def mean(values): return sum(values) / len(values)",
    "Is the garage door closed?",
    "The museum is open from ten to six, except on Mondays.",
)

PASSAGES = (
    (
        "A lighthouse stood on the rock at the mouth of the bay. Every evening the keeper"
        " climbed the stairs, cleaned the glass, and lit the lamp. When the fog was thick"
        " he rang the bell as well, so that the fishing boats would know where the "
        "channel was."
    ),
    (
        "To make the dough, mix flour, water, salt and a little yeast in a bowl. Let it "
        "rest under a cloth for twelve hours. Then fold it twice, shape it into a ball, "
        "and bake it in a hot pot with the lid on for half an hour."
    ),
    (
        "The printing press changed how ideas travelled through Europe. Before it, a book"
        " was copied by hand and cost as much as a house; a hundred years later a student"
        " could own several. Errors spread faster too, and so did the arguments about "
        "them."
    ),
    (
        "User: My thermostat shows an error after the update. What should I do?\n"
        "Assistant: Switch it off for ten seconds and on again. If the error stays, hold "
        "the reset button until the light blinks, and connect it to the network once "
        "more."
    ),
    (
        "Question: A shop sells pencils in boxes of twelve. Ana buys four boxes and gives"
        " away fifteen pencils. How many does she have left?\n"
        "Answer: Four boxes hold 48 pencils, and 48 - 15 = 33, so she has 33 pencils "
        "left."
    ),
    (
        '{"sensor": "kitchen", "temperature": 21.5, "humidity": 43, "battery": "ok"}\n'
        '{"sensor": "cellar", "temperature": 12.0, "humidity": 71, "battery": "low"}'
    ),
)

QUESTIONS = (
    ("When did the keeper ring the bell?", PASSAGES[0]),
    ("How long does the dough rest?", PASSAGES[1]),
    ("How much did a book cost before the printing press?", PASSAGES[2]),
    ("Who met Tim Cook?", TEXTS[2]),
    ("When is the museum open?", TEXTS[31]),
    ("By how much did sales rise?", TEXTS[27]),
)
