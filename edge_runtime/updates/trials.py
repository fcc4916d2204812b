"""What was switched to has to prove itself: it is kept, or left for the version before."""

from __future__ import annotations

from collections.abc import Sequence

from edge_runtime.errors import UpdateError
from edge_runtime.updates.golden import Begin, ask_golden
from edge_runtime.updates.options import UpdateOptions
from edge_runtime.updates.progress import Progress
from edge_runtime.updates.standing import standing
from edge_runtime.updates.taking import clean
from edge_runtime.updates.target import Target
from edge_runtime.updates.workplace import Workplace, writing


class Trials:
    """The trials of one device."""

    def __init__(
        self, workplace: Workplace, targets: Sequence[Target], options: UpdateOptions
    ) -> None:
        self._workplace = workplace
        self._targets = targets
        self._options = options

    def started(self) -> list[Progress]:
        """Count a start of what is on trial, and go back from what was started too often.

        Called before anything is loaded; returns what was left again. While another process takes
        an update nothing is counted.

        Raises:
            UpdateError: the disk cannot be written, or the state cannot be read.
        """
        left: list[Progress] = []
        with self._workplace.alone():
            for target in self._targets:
                clean(target)
                if target.kind == "bundle":  # those of the runtime are counted by its launcher
                    target.slots.started(self._options.most_starts)
                left += settle(self._workplace, target)
        return left

    @property
    def under_way(self) -> list[Target]:
        """What is on trial."""
        trials = ((target, target.slots.trial) for target in self._targets)
        return [target for target, trial in trials if trial is not None and trial.ended is None]

    def judge(self, begin: Begin) -> list[Progress]:
        """End the trials: keep what answers its golden set with ``begin``, leave what does not.

        Raises:
            UpdateError: the disk cannot be written, or another process works here.
        """
        ended = []
        for target in self.under_way:
            place = target.slots.active
            contents = place and self._workplace.kept_contents(target.name, place)
            score = ask_golden(begin, contents.golden if contents else [])
            with self._workplace.alone():
                if score.share >= self._options.golden_share:
                    ended.append(self._keep(target))
                else:
                    ended += self._leave(target, "; ".join(score.wrong))
        return ended

    def keep(self) -> list[Progress]:
        """End the trials at the owner's word; raises UpdateError."""
        with self._workplace.alone():
            return [self._keep(target) for target in self.under_way]

    def back(self, only: str | None = None) -> list[Progress]:
        """Go back to the version before, which is not left for the same again by itself.

        ``only`` is the name of the one to go back.

        Raises:
            UpdateError, BundleError: there is none before, or it is not whole any more.
        """
        with self._workplace.alone():
            going = [each for each in self._targets if each.slots.active is not None]
            going = [each for each in going if only in {None, each.name}]
            if not going:
                raise UpdateError(f"{only or 'nothing'} was not updated, so there is no way back")
            return [self._back(target) for target in going]

    def _keep(self, target: Target) -> Progress:
        target.slots.confirm()
        return self._standing(target).at("kept")

    def _leave(self, target: Target, why: str) -> list[Progress]:
        target.slots.go_back(why)
        return settle(self._workplace, target)

    def _back(self, target: Target) -> Progress:
        slots = target.slots
        if target in self.under_way:
            (left,) = self._leave(target, "the owner went back")
            return left
        known = self._workplace.state().component(target.name)
        active = slots.active or slots.spare
        way = slots.spare if slots.spare in known.places else None
        if way is not None:
            target.check(slots.place(way))
        elif not target.has_shipped():
            raise UpdateError(f"{target.name}: there is no version before this one")
        if active in known.places:
            contents = known.places[active].contents
            self._workplace.change(target.name, lambda each: each.with_failed(contents))
        slots.use(way)
        return self._standing(target).at("returned", "the owner went back")

    def _standing(self, target: Target) -> Progress:
        return standing(target, self._workplace.state().component(target.name))


def settle(workplace: Workplace, target: Target) -> list[Progress]:
    """Remember that a trial has failed, once it was left; return it.

    Raises:
        UpdateError, OSError: the disk cannot be written.
    """
    trial = target.slots.trial
    if trial is None or trial.ended is None:
        return []
    with writing(workplace.directory):
        workplace.change(target.name, lambda known: known.with_failed(trial.release))
        target.slots.forget()
    known = workplace.state().component(target.name)
    return [standing(target, known).at("returned", trial.ended)]
