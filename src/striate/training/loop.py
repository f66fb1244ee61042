"""The training loop, to be read in one sitting.

An epoch is: batches in an order that (seed, epoch) decides, one update each, then the validation
images, one line in ``metrics.jsonl``, and a checkpoint. Nothing that happens depends on the clock,
on the number of worker threads, or on where the run was cut: a killed run goes on from its last
checkpoint and ends in the same weights to the bit. A deadline alone looks at the clock, and what it
decides is stored before it happens.
"""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from striate.data.batch import Batch
from striate.data.random import DROPOUT, uniforms
from striate.errors import Interrupted, RunError, TrainingError
from striate.runs import layout as names
from striate.runs.weights import digest
from striate.support import settings
from striate.support.paths import shown
from striate.support.signals import StopSignal
from striate.training import checkpoint, events
from striate.training.averaging import AveragedNetwork
from striate.training.checkpoint import Best, State
from striate.training.course import Course
from striate.training.health import Health, first_not_finite, first_problem
from striate.training.judging import zeros
from striate.training.optimisers import make_optimiser, set_rate
from striate.training.results import restore_results, write_results
from striate.training.selection import is_better
from striate.training.setup import Setup
from striate.training.validate import autocast, validate

#: What a process may wish after an update; several processes do what the highest wish says.
NOTHING, CHECKPOINT, STOP = range(3)


class Training:
    """One run from its first step, or from its last checkpoint, to its end."""

    def __init__(self, setup: Setup) -> None:
        self.setup, self.recipe, self.callbacks = setup, setup.recipe, setup.callbacks
        # Images a step over all processes: a set smaller than a batch is one batch.
        self.batch = min(self.recipe.batch_size, len(setup.train.images))
        # Channels last is the layout that convolutions are fastest in, on processors and elsewhere.
        self.network = setup.network.to(setup.device).to(memory_format=torch.channels_last)
        freezing = setup.freezing
        factors = None if freezing is None else freezing.factors(self.network)
        decays = None if freezing is None else freezing.decays()
        self.optimiser = make_optimiser(self.network, self.recipe.optimiser, factors, decays)
        self.course = Course(setup, self.batch)
        self.state = State(identity=setup.identity)
        self.averaged: AveragedNetwork | None = None
        if self.recipe.averaging.name != "none":
            updates = self.course.updates(self.state)
            self.averaged = AveragedNetwork(self.network, self.recipe.averaging, updates)
        self.health = Health(self.network)
        self.kept: tuple[int, int] | None = None
        """The epochs, and the steps after them, of the last checkpoint."""
        self.wrapped = setup.group.wrap(self.network)

    @property
    def steps(self) -> int:
        """Batches of the epoch under way, or of the next one."""
        return self.course.steps(self.state)

    @property
    def judged(self) -> nn.Module:
        """The network whose weights are evaluated and kept: the averaged one where there is one."""
        return self.network if self.averaged is None else self.averaged.network

    @property
    def is_finished(self) -> bool:
        """Whether no epoch is left to train."""
        return self.state.stopped or self.state.epoch >= self.recipe.epochs

    def run(self) -> State:
        """Train to the end of the recipe and return where that is.

        Raises:
            TrainingError: a figure that is not finite; the last good checkpoint is kept.
            Interrupted: Ctrl-C or a termination signal; a checkpoint was written first.
            RunError: a file of the run cannot be written; what it held before is kept.
        """
        error: BaseException | None = None
        try:
            with settings.training(self.setup.threads, self.setup.seed):
                self._run()
        except BaseException as raised:
            error = raised
            raise
        finally:
            self.callbacks.on_train_end(events.train_end(self.state, error))
        return self.state

    def _run(self) -> None:
        state, group = self.state, self.setup.group
        try:
            with StopSignal() as stop:
                begin = events.train_begin(self.setup.path, state, self.course)
                self.callbacks.on_train_begin(begin)
                self.course.begin(state, begin.history)
                while not self.is_finished:
                    if group.highest(STOP if stop.received else NOTHING):
                        raise self._interrupted()
                    self.callbacks.on_epoch_begin(state.epoch + 1)
                    self._train_epoch(stop)
                    self._finish_epoch()
                if group.highest(STOP if stop.received else NOTHING):
                    raise self._interrupted()
        except KeyboardInterrupt as again:
            raise self._interrupted(at_once=True) from again

    def _interrupted(self, *, at_once: bool = False) -> Interrupted:
        """What to say of a run that was stopped after a checkpoint, or at once."""
        way_on = f"go on with: {self.setup.group.resume_command(self.setup.path)}"
        if at_once and self.kept is None:
            return Interrupted(f"before there was a checkpoint: it begins anew, {way_on}")
        epochs, steps = (self.kept if at_once else None) or (self.state.epoch, self.state.step)
        done = f"after {epochs} epochs and {steps} steps"
        cut = "at once; the last checkpoint was made " if at_once else ""
        return Interrupted(f"{cut}{done}; {way_on}")

    def _diverged(self, where: str, why: str, remedy: str = "lower the rate") -> TrainingError:
        return TrainingError(
            where, why, f"{remedy}; the last good checkpoint is kept in {self.setup.path}"
        )

    # --- one epoch -----------------------------------------------------------------------------

    def _train_epoch(self, stop: StopSignal) -> None:
        state, steps = self.state, self.steps
        self.network.train()
        if self.setup.freezing is not None:
            self.setup.freezing.apply(self.network, state.epoch)
        if state.sums is None:
            heads = len(self.setup.criterion.auxiliary_weights)
            state.sums = zeros(3 + heads, self.setup.device)
        began = saved = self.setup.now()
        earlier, size = state.seconds, self.course.sizes[state.epoch]
        self.course.time_left.begin()
        batches = self.setup.train.batches(state.epoch, state.step, steps, size=size)
        for step, batch in enumerate(batches, start=state.step):
            updated = self._step(batch, step)
            state.step = step + 1
            self.course.time_left.did_step(size, state.step)
            now = self.setup.now()
            state.seconds = earlier + now - began
            if self.callbacks.members:
                rate = self.optimiser.param_groups[-1]["lr"]
                self.callbacks.on_batch_end(
                    events.batch_end(state, self.course, loss=self.loss, rate=rate)
                )
            # A checkpoint holds no gradients, so it waits for the update that uses them up.
            if not updated or state.step == steps:
                continue
            due = CHECKPOINT if now - saved >= self.setup.checkpoint_seconds else NOTHING
            wish = self.setup.group.highest(STOP if stop.received else due)
            if wish:
                self._save_checkpoint()
                self.callbacks.on_checkpoint(events.checkpoint_of(self.setup.path, state))
                saved = now
            if wish == STOP:
                raise self._interrupted()

    def _step(self, batch: Batch, step: int) -> bool:
        """Forward, backward and, where enough gradients have come together, an update."""
        state, accumulate = self.state, self.recipe.gradient.accumulate
        whole = state.epoch * self.course.planned + step
        # Dropout draws from torch's generator: seeding it by the step makes what it draws
        # independent of everything before, so that no random state needs to be stored.
        draw = uniforms(self.setup.seed, state.epoch, [whole], 1 + self.setup.group.rank, DROPOUT)
        settings.seed(int(draw[0, -1] * 2**53))
        set_rate(self.optimiser, self.course.rate(state, step))
        updates = (step + 1) % accumulate == 0 or step + 1 == self.steps
        together = min(accumulate, self.steps - step // accumulate * accumulate)
        # What is averaged over the processes must be the mean over all images, also where a batch
        # cannot be shared out evenly; in a single process this is 1.
        share = len(batch) * self.setup.group.world / self.batch
        at_start = updates and state.epoch == 0 and step < accumulate
        watched = at_start or step + 1 == self.steps
        inputs = batch.inputs(self.setup.device)
        with self.health.watch() if watched else nullcontext():
            with autocast(self.setup.precision, self.setup.device):
                output = self.wrapped(inputs)
            loss = self.setup.criterion(output, batch.targets.to(self.setup.device))
        # On a processor the loss is there already; elsewhere reading it would stall the device, so
        # it is looked at in the sums, before anything is written.
        if self.setup.device.type == "cpu" and not torch.isfinite(loss.total):
            self._fail(inputs, step, float(loss.total.detach()))
        torch.autograd.backward(loss.total * share / together)
        if watched:
            self.measured = self.health.measure()
        if at_start:
            self._record({**self._start(), "health": self.measured})
        if updates:
            self._update()
        figure = self.setup.judge.of_batch(loss.outputs, batch.labels.to(self.setup.device))
        parts = torch.stack((loss.total.detach(), loss.main, figure, *loss.auxiliary))
        assert state.sums is not None
        state.sums = state.sums + parts * share  # anew: callbacks may keep what they were given
        self.loss = parts[0]
        return updates

    def _update(self) -> None:
        clip = self.recipe.gradient.clip_norm
        if clip:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), clip)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        if self.averaged is not None:
            self.averaged.update(self.network)

    def _fail(self, inputs: Tensor, step: int, value: float) -> None:
        where = first_not_finite(self.network, inputs)
        rate = self.optimiser.param_groups[-1]["lr"]
        raise self._diverged(
            f"epoch {self.state.epoch + 1}, step {step + 1}",
            f"the loss is not finite ({value}): {where}, at a learning rate of {rate:.3g}",
            "lower the rate or clip gradients in the recipe",
        )

    # --- after an epoch ------------------------------------------------------------------------

    def _finish_epoch(self) -> None:
        state, setup = self.state, self.setup
        figures, began = self._train_figures(), setup.now()
        entry = {**figures, "validation": self.validate(), "health": self.measured}
        validated = setup.now()
        self.course.time_left.saw_validation(validated - began)
        self._record(entry)
        self.callbacks.on_validation_end(events.validation_end(entry))
        images = self.steps * self.batch
        timing = {
            "epoch": entry["epoch"],
            "seconds": round(state.seconds, 3),
            "images_per_second": round(images / max(state.seconds, 1e-9), 1),
        }
        state.timing.append(timing)
        state.epoch, state.step, state.sums, state.seconds = state.epoch + 1, 0, None, 0.0
        self.course.schedule.observe(setup.judge.headline.goodness(entry["validation"]))
        better = self._judge(entry["validation"])
        if setup.deadline is not None and not self.is_finished:
            # Stored with all else before the next epoch begins, so that a resumed run keeps to it.
            state.steps = setup.group.share(
                setup.deadline.steps(self.course.time_left, state.epoch)
            )
            if self.averaged is not None:
                self.averaged.expect(self.course.updates(state))
        self._save_checkpoint()
        if setup.group.leads:
            write_results(setup.path, state, self.judged if better else None)
        setup.group.wait()
        self.callbacks.on_checkpoint(events.checkpoint_of(setup.path, state))
        self.course.time_left.saw_between(setup.now() - validated)
        left = self.course.left(state)
        end = events.epoch_end(entry, timing, self.course.used, best=better, left=left)
        self.callbacks.on_epoch_end(end)
        self._stop_for_callbacks(entry)

    def _stop_for_callbacks(self, entry: dict[str, Any]) -> None:
        """End the training where a callback wants it to, which its last line then says."""
        stoppers = self.callbacks.stoppers
        if self.is_finished or not self.setup.group.highest(bool(stoppers)):
            return
        self.state.stopped = entry["stopped"] = True
        self._save_checkpoint()
        if self.setup.group.leads:
            write_results(self.setup.path, self.state, None)
            self.callbacks.on_note(
                f"the training ends after epoch {self.state.epoch}: {', '.join(stoppers)}.stop()"
            )
        self.setup.group.wait()

    def _record(self, entry: dict[str, Any]) -> None:
        """Add a line of ``metrics.jsonl``, whose format knows finite numbers only."""
        epoch = entry["epoch"]
        where = f"epoch {epoch}, its end" if epoch else "epoch 1, its first update"
        if problem := first_problem(entry):
            raise self._diverged(where, problem)
        self.state.history.append(entry)

    def _start(self) -> dict[str, Any]:
        """The line of epoch 0, taken back: a network that began with something was judged then."""
        history = self.state.history
        return history.pop() if history else {"epoch": 0, "step": 0}

    def _train_figures(self) -> dict[str, Any]:
        assert self.state.sums is not None
        world = self.setup.group.world
        means = (self.setup.group.total(self.state.sums.clone()) / (self.steps * world)).tolist()
        if not all(math.isfinite(mean) for mean in means):
            raise self._diverged(f"epoch {self.state.epoch + 1}", "the loss became not finite")
        total, main, figure, *auxiliary = means
        size, key = self.course.sizes[self.state.epoch], self.setup.judge.headline.key
        return {
            "epoch": self.state.epoch + 1,
            "step": self.state.history[-1]["step"] + self.steps,
            **({"size": list(size)} if self.recipe.sizes.vary else {}),
            "learning_rate": self.course.rate(self.state, self.steps - 1),
            "train": {"loss": total, "main": main, "auxiliary": auxiliary, key: figure},
        }

    def validate(self) -> dict[str, float]:
        """The figures on the validation images, each of them once."""
        setup = self.setup
        return validate(
            self.judged,
            setup.validation,
            setup.judge,
            precision=setup.validation_precision,
            device=setup.device,
            group=setup.group,
        )

    def _judge(self, found: dict[str, float]) -> bool:
        """Whether this epoch's weights are the best so far, and whether to stop early."""
        state, patience = self.state, self.recipe.early_stopping.patience
        better = is_better(found, state, self.recipe.select)
        if better:
            state.best = Best.of(state.epoch, found, digest(self.judged.state_dict()))
        assert state.best is not None
        state.stopped = bool(patience) and state.epoch - state.best.epoch >= patience
        return better

    # --- files ---------------------------------------------------------------------------------

    def _save_checkpoint(self) -> None:
        state = self.state
        norms = torch._foreach_norm([p.detach() for p in self.network.parameters()])
        if not torch.isfinite(torch.stack(norms)).all():
            where = f"epoch {state.epoch + 1}, step {state.step}"
            where = where if state.step else f"epoch {state.epoch}, its end"
            raise self._diverged(where, "the weights are not finite any more")
        self.setup.group.align(self.network)
        # One process writes, but the sums are everybody's share: each adds a part of the epoch.
        mine = state.sums
        if mine is not None:
            state.sums = self.setup.group.total(mine.clone())
        if self.setup.group.leads:
            state.network = self.network.state_dict()
            state.optimiser = self.optimiser.state_dict()
            state.schedule = self.course.schedule.state()
            state.averaging = {} if self.averaged is None else self.averaged.state()
            checkpoint.save(self.setup.path / names.STATE, state)
        state.sums = mine
        self.setup.group.wait()
        self.kept = state.epoch, state.step

    def start_from_here(self) -> None:
        """Judge and keep the weights that the network has before its first step.

        A network that has learned something may be at its best as it is, and a run that is killed
        before its first checkpoint has to go on from there.
        """
        found, headline = self.validate(), self.setup.judge.headline
        self._record({"epoch": 0, "step": 0, "validation": found, "health": {}})
        self.course.schedule.observe(headline.goodness(found))
        self._judge(found)
        self._save_checkpoint()
        write_results(self.setup.path, self.state, self.judged)
        self.callbacks.on_note(
            f"the fitted head alone: {headline.title} {headline.shown(found[headline.key])} on the "
            "validation images; where training does no better, that is kept"
        )

    def resume(self) -> None:
        """Take over the last checkpoint of this run.

        Raises:
            RunError: it is missing or damaged, or the weights beside it were altered.
        """
        path, group = self.setup.path, self.setup.group
        state = checkpoint.load(path / names.STATE, identity=self.setup.identity)
        try:
            self.network.load_state_dict(state.network)
            self.optimiser.load_state_dict(state.optimiser)
            self.course.schedule.restore(state.schedule)
            if self.averaged is not None:
                self.averaged.restore(state.averaging)
        except (RuntimeError, LookupError, TypeError, ValueError, AttributeError) as error:
            why = "does not fit the network and the recipe of the run.toml beside it"
            remedy = "restore both from one copy, or train again"
            raise RunError(shown(path / names.STATE), why, remedy) from error
        if state.sums is not None:
            # The sums were everybody's; the leader carries them on and the others start from zero.
            state.sums = state.sums.to(self.setup.device) * (1.0 if group.leads else 0.0)
        self.state, self.kept = state, (state.epoch, state.step)
        if group.leads and state.best is not None:
            restore_results(path, state, self.judged)
        group.wait()
