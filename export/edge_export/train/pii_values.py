"""Invented personal data of many countries: names, addresses, numbers, each with its label."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable
from datetime import date, datetime, timedelta
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from faker import Faker

Part = tuple[str, str | None]
"""A piece of text and its label, None where it has none."""

_LOCALES = (
    "en_US", "en_GB", "en_AU", "en_IN", "de_DE", "de_AT", "de_CH", "fr_FR", "fr_CH", "es_ES",
    "es_MX", "it_IT", "nl_NL", "pt_PT", "pt_BR", "pl_PL", "sv_SE", "da_DK", "no_NO", "fi_FI",
    "cs_CZ", "sk_SK", "hu_HU", "ro_RO", "tr_TR", "hr_HR", "sl_SI", "et_EE", "el_GR", "ru_RU",
    "uk_UA", "bg_BG", "id_ID",
)  # fmt: skip
_TITLES = (
    "Mr.", "Mrs.", "Ms.", "Miss", "Dr.", "Prof.", "Mr", "Mrs", "Sir", "Professor",
)  # fmt: skip
_NATIONALITIES = (
    "German", "French", "Italian", "Spanish", "Polish", "Dutch", "Swedish", "Danish", "Norwegian",
    "Finnish", "Greek", "Turkish", "Russian", "Ukrainian", "Chinese", "Japanese", "Korean",
    "Indian", "Mexican", "Brazilian", "American", "British", "Canadian", "Australian", "Egyptian",
    "Nigerian", "Kenyan", "Irish", "Scottish", "Welsh", "Swiss", "Austrian", "Hungarian", "Czech",
    "Slovak", "Croatian", "Serbian", "Bulgarian", "Romanian", "Portuguese", "Belgian",
    "Vietnamese", "Thai", "Persian", "Israeli", "Jewish", "Muslim", "Catholic", "Protestant",
    "Buddhist", "Hindu", "democrats", "republican", "Cuban", "Peruvian",
)  # fmt: skip
_DATES = (
    "%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%y", "%B %d, %Y", "%d %B %Y", "%b %d", "%A",
    "%Y-%m-%d %H:%M:%S", "%B %Y", "%Y", "%A, %d %B", "%d %b %Y",
)  # fmt: skip
_DAYS = (
    "tomorrow", "yesterday", "today", "next week", "last night", "Monday morning", "this weekend",
)  # fmt: skip
_BIRTHDAYS = (
    "%d.%m.%Y", "%m/%d/%Y", "%B %d, %Y", "%d %B %Y", "%Y-%m-%d",
)  # fmt: skip
# fixed, where Faker's own depend on the clock, so that the same seed makes the same rows
_RECENT = datetime(2000, 1, 1)  # noqa: DTZ001 - as a wall clock shows it
_RECENT_DAYS = 9497  # to the end of 2025
_BORN = (date(1920, 1, 1).toordinal(), date(2015, 1, 1).toordinal())
_FIRMS = (
    "{} Inc", "{} Inc.", "{} LLC", "{} Ltd", "{} GmbH", "{} Group", "{} & Sons", "{} Partners",
    "{} Corporation", "{} Holdings", "The {} Company", "{} Bank", "{} University", "{} Labs",
    "{} Foundation", "{} Institute", "{} Airlines",
)  # fmt: skip
_ENDINGS = ("com", "org", "net", "de", "co.uk", "io", "fr")
_SYLLABLES = (
    "al", "ba", "cor", "da", "en", "fin", "gen", "hy", "in", "kal", "lo", "med", "nex", "or",
    "pro", "qua", "ri", "sol", "tech", "ul", "vi", "wav", "xa", "zen", "ta", "mi", "co", "lex",
)  # fmt: skip
_ENGLISH = 0.45  # share of values in English


def recipe_lines(name: str) -> list[str]:
    """Return the lines of a text file beside the recipes, without comments."""
    text = (resources.files("edge_export") / "recipes" / name).read_text("utf-8")
    return [line for line in text.split("\n") if line and not line.startswith("#")]


class Maker:
    """Makes values, each as pieces of text with their labels.

    Raises:
        ModuleNotFoundError: Faker is not installed.
    """

    def __init__(self, rng: random.Random) -> None:
        from faker import Faker

        self.rng = rng
        self._works, self._topics = recipe_lines("works.txt"), recipe_lines("topics.txt")
        self._fakers = {locale: Faker(locale) for locale in _LOCALES}
        for faker in self._fakers.values():
            faker.seed_instance(rng.randrange(2**32))
            _order_towns(faker)
        self._makers: dict[str, Callable[[], str]] = {
            "PERSON": self._person,
            "GPE": self._town,
            "ORGANIZATION": self._organization,
            "CREDIT_CARD": self._card,
            "DATE_TIME": self._date,
            "PHONE_NUMBER": self._phone,
            "EMAIL_ADDRESS": self._email,
            "IBAN_CODE": self._iban,
            "US_SSN": self._us.ssn,
            "IP_ADDRESS": self._ip,
            "DOMAIN_NAME": self._domain,
            "ZIP_CODE": self._zip,
            "AGE": lambda: str(rng.randint(1, 99)),
            "NRP": lambda: rng.choice(_NATIONALITIES),
            "TITLE": self._title,
            "US_DRIVER_LICENSE": self._licence,
            "US_PASSPORT": lambda: self._pattern(rng.choice(["?########", "#########"])),
            "DATE_OF_BIRTH": self._birthday,
            "PASSWORD": self._password,
            "MAC_ADDRESS": self._us.mac_address,
            "ID_NUMBER": self._identifier,
        }
        self._parts: dict[str, Callable[[str], list[Part]]] = {
            "first name": lambda _: [(self._faker().first_name(), "PERSON")],
            "last name": lambda _: [(self._faker().last_name(), "PERSON")],
            "year": lambda _: [(str(rng.randint(1850, 2026)), "DATE_TIME")],
            "street": lambda _: [(self._street(self._faker()), "STREET_ADDRESS")],
            "whole address": lambda _: [(self._whole_address(), "STREET_ADDRESS")],
            "pieces address": self._address,
            "work": lambda _: [(rng.choice(self._works), None)],
            "topic": lambda _: [(rng.choice(self._topics), None)],
        }

    def make(self, kind: str, lead: str) -> list[Part]:
        """Return the pieces of a value; ``lead`` begins each further line of it."""
        if kind in self._parts:
            return self._parts[kind](lead)
        return [(self._makers[kind](), kind)]

    @property
    def _us(self) -> Faker:
        return self._fakers["en_US"]

    def _faker(self) -> Faker:
        if self.rng.random() < _ENGLISH:
            return self._fakers[self.rng.choice(_LOCALES[:4])]
        return self._fakers[self.rng.choice(_LOCALES)]

    def _pattern(self, pattern: str) -> str:
        digits, letters = string.digits, string.ascii_uppercase
        return "".join(
            self.rng.choice(digits if x == "#" else letters) if x in "#?" else x for x in pattern
        )

    def _person(self) -> str:
        faker, rng = self._faker(), self.rng
        first, last = faker.first_name(), faker.last_name()
        initial = rng.choice(string.ascii_uppercase)
        return rng.choice(
            [f"{first} {last}"] * 6
            + [
                first,
                last,
                f"{first} {initial}. {last}",
                f"{first} {initial} {last}",
                f"{initial}. {last}",
            ]
        )

    def _town(self) -> str:
        faker, rng = self._faker(), self.rng
        town = rng.choice([faker.city, faker.city, self._us.country, faker.country])()
        return str(rng.choice([town, town, town, town.upper(), town.lower()]))

    def _word(self) -> str:
        count = self.rng.randint(2, 3)
        return "".join(self.rng.choice(_SYLLABLES) for _ in range(count)).capitalize()

    def _organization(self) -> str:
        faker, rng, us = self._faker(), self.rng, self._us
        last = [faker.last_name() for _ in range(3)]
        kinds: tuple[Callable[[], str], ...] = (
            self._word,
            lambda: f"{last[0]}, {last[1]} and {last[2]}",
            lambda: f"{last[0]}-{last[1]}",
            lambda: rng.choice(_FIRMS).format(us.word().capitalize()),
            lambda: f"{us.word().capitalize()} {us.word().capitalize()}",
            faker.company,
            lambda: rng.choice(_FIRMS).format(rng.choice([last[0], self._word()])),
        )
        return str(kinds[rng.randrange(len(kinds))]())

    def _card(self) -> str:
        number = self._us.credit_card_number()
        if self.rng.random() < 0.3:  # noqa: PLR2004
            joint = self.rng.choice([" ", "-"])
            return joint.join(number[i : i + 4] for i in range(0, len(number), 4))
        return str(number)

    def _date(self) -> str:
        if self.rng.random() < 0.15:  # noqa: PLR2004
            return self.rng.choice(_DAYS)
        when = _RECENT + timedelta(self.rng.uniform(0, _RECENT_DAYS))
        return when.strftime(self.rng.choice(_DATES))

    def _birthday(self) -> str:
        day = date.fromordinal(self.rng.randint(*_BORN))
        return day.strftime(self.rng.choice(_BIRTHDAYS))

    def _phone(self) -> str:
        return str(self._faker().phone_number())

    def _email(self) -> str:
        faker, rng = self._faker(), self.rng
        if rng.random() < 0.5:  # noqa: PLR2004
            return str(faker.ascii_email())
        names = [
            re.sub(r"\W", "", name) or "me" for name in (faker.first_name(), faker.last_name())
        ]
        return f"{rng.choice(['', '.', '_']).join(names)}@{faker.free_email_domain()}"

    def _iban(self) -> str:
        number = str(
            self._fakers[
                self.rng.choice(["en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL"])
            ].iban()
        )
        if self.rng.random() < 0.3:  # noqa: PLR2004
            return " ".join(number[i : i + 4] for i in range(0, len(number), 4))
        return number

    def _ip(self) -> str:
        return str(
            self.rng.choice([self._us.ipv4, self._us.ipv4, self._us.ipv4_private, self._us.ipv6])()
        )

    def _domain(self) -> str:
        faker, rng = self._us, self.rng
        name = f"{faker.word()}{faker.word()}.{rng.choice(_ENDINGS)}"
        name = rng.choice([name, name.title().replace(".Com", ".com"), str(faker.domain_name())])
        return rng.choice(
            [f"http://www.{name}/", f"https://www.{name}/", f"https://{name}", f"www.{name}", name]
        )

    def _zip(self) -> str:
        return str(self._faker().postcode())

    def _title(self) -> str:
        if self.rng.random() < 0.5:  # noqa: PLR2004
            return self.rng.choice(_TITLES)
        return str(self._us.job())

    def _licence(self) -> str:
        return self._pattern(
            self.rng.choice(["?#######", "####-##-####", "?###-####-####", "########"])
        )

    def _password(self) -> str:
        rng = self.rng
        signs = string.ascii_letters + string.digits + "!#$%&*?@-_"
        mixed = "".join(rng.choice(signs) for _ in range(rng.randint(8, 20)))
        return rng.choice(
            [mixed, mixed, self._pattern("####"), f"{self._us.word()}{rng.randint(1, 9999)}"]
        )

    def _identifier(self) -> str:
        return self._pattern(self.rng.choice(["########", "??-######", "###-###-###", "?#######?"]))

    def _street(self, faker: Faker) -> str:
        name, number = str(faker.street_name()), str(self.rng.randint(1, 2999))
        return self.rng.choice([f"{name} {number}", f"{number} {name}", name, f"{name} {number}"])

    def _address(self, lead: str) -> list[Part]:
        """Return number, street, room, town, region, country and code, most of them at times."""
        faker, rng = self._faker(), self.rng
        if rng.random() < 0.06:  # noqa: PLR2004 - of soldiers abroad
            return [(self._military(), "STREET_ADDRESS")]
        joint = rng.choice([f"\n{lead}", f"\n{lead}", ", ", " ", f"\n {lead}"])
        parts: list[Part] = []
        if rng.random() < 0.5:  # noqa: PLR2004 - a number before the street, as the data has it
            parts += [(str(rng.randint(1, 99999)), "STREET_ADDRESS"), (" ", None)]
        parts.append((self._street(faker), "STREET_ADDRESS"))
        if rng.random() < 0.5:  # noqa: PLR2004
            room = rng.choice(["Apt. ###", "Suite ###", "Apt. #", "Floor #", "Unit ##"])
            parts += [(rng.choice([" ", joint]), None), (self._digits(room), "STREET_ADDRESS")]
        town = str(faker.city())
        parts += [(joint, None), (town.upper() if rng.random() < 0.4 else town, "GPE")]  # noqa: PLR2004
        if rng.random() < 0.3:  # noqa: PLR2004
            parts += [(rng.choice([", ", " ", joint]), None), (self._us.state_abbr(), "GPE")]
        if rng.random() < 0.6:  # noqa: PLR2004
            parts += [(rng.choice([", ", " ", joint]), None), (str(self._us.country()), "GPE")]
        if rng.random() < 0.7:  # noqa: PLR2004
            parts += [(rng.choice([" ", " ", joint]), None), (faker.postcode(), "STREET_ADDRESS")]
        return parts

    def _whole_address(self) -> str:
        return "".join(piece for piece, _ in self._address(""))

    def _military(self) -> str:
        rng = self.rng
        unit = rng.choice(["Unit #### Box ####", "PSC ####, Box ####"])
        state = rng.choice(["AA", "AE", "AP"])
        return self._digits(f"{unit}\n{rng.choice(['APO', 'DPO', 'FPO'])} {state} #####")

    def _digits(self, pattern: str) -> str:
        return re.sub("#", lambda _: self.rng.choice(string.digits), pattern)


def _order_towns(faker: Faker) -> None:
    """Bring the towns in order: Faker's Italian ones come from a set, new in each process."""
    for provider in faker.get_providers():
        towns = getattr(provider, "cities", None)
        if isinstance(towns, list):
            vars(provider)["cities"] = sorted(towns)
