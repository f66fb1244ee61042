"""From images and a backbone to a run: features, a head, and training on where it is wanted."""

from __future__ import annotations

import json
import re
import shlex
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from striate.data.images import ImageSet
from striate.data.scan import threads
from striate.data.sources import Data, named_data
from striate.data.working_copies.made import knowing
from striate.engines.precision import choose_device, choose_precision
from striate.errors import StriateError, parameter
from striate.hub.heads import sizes_of
from striate.hub.pretrained import default_backbone
from striate.hub.surgery import Transferred
from striate.recipes.frozen import FrozenRecipe
from striate.runs import layout as names
from striate.runs.config import RunConfig
from striate.runs.folder import claim_out
from striate.runs.images import keep_images
from striate.runs.origins import TransferOrigin
from striate.runs.own_code import code_of, keep_code
from striate.runs.provenance import data_origin, provenance
from striate.runs.run import Run
from striate.runs.targets import scaled
from striate.runs.weights import write_weights
from striate.support import processors, settings
from striate.support.files import write_atomically
from striate.support.folders import cache_at
from striate.support.packages import installed
from striate.support.progress import counting
from striate.training.assemble import make_callbacks, open_images_of
from striate.training.distributed import Group
from striate.training.ending import going_on
from striate.training.freezing import is_number
from striate.training.holding import Holding
from striate.training.options import TrainOptions
from striate.training.place import Place
from striate.transfer_learning.backbone import Backbone, open_backbone
from striate.transfer_learning.classifier import float32_features
from striate.transfer_learning.features import features
from striate.transfer_learning.fine_tuning import (
    check_stages,
    decay_of,
    photographs_for,
    recipe_of,
    refuse_meaningless,
    shape_of,
    train_on,
)
from striate.transfer_learning.learning_curves import by_images, by_stages
from striate.transfer_learning.options import TransferOptions
from striate.transfer_learning.result import Timing, Transfer
from striate.transfer_learning.tasks.choosing import answers_of, task_of
from striate.transfer_learning.tasks.task import Fitted
from striate.transfer_learning.views import DrawnViews

Floats = NDArray[np.float32]


def transfer(options: TransferOptions) -> Transfer:
    """Transfer `options.backbone` to other images, and write the run.

    Raises:
        StriateError: options, images, backbone or weights are at fault, and nothing has been
            written; another process is writing into the run's folder; or the disk is full.
        Interrupted: Ctrl-C. Features computed so far stay in the cache, trained weights in the run.
    """
    work = _Work(options)
    with (
        going_on(work.reached, work.way_on),
        work.holding,
        settings.threads(processors.processor_threads(1)),
        settings.seeded(options.seed),
    ):
        return work.run()


class _Work:
    """One transfer, step by step."""

    def __init__(self, options: TransferOptions) -> None:
        self.options = options
        self.named = default_backbone() if options.backbone is None else options.backbone
        self.source = named_data(options.data)
        self.looked_at = False
        """Whether the images have been looked at, and were in order then."""
        self.training_options = TrainOptions(
            val_fraction=options.val_fraction,
            seed=options.seed,
            epochs=options.epochs,
            batch_size=options.batch_size,
            skip_bad=options.skip_bad,
            recheck=options.recheck,
            workers=options.workers,
            progress=options.progress,
        )
        self._refuse()
        group = Group()
        callbacks = make_callbacks(options.callbacks, group=group, progress=options.progress)
        self.place = Place(device=choose_device("auto"), group=group, callbacks=callbacks)
        self.holding = Holding(self.place.group)

    def _refuse(self) -> None:
        """Say at once what no image and no network could make good."""
        options = self.options
        if options.frozen not in ("all", "none") and not is_number(options.frozen):
            raise StriateError(
                parameter("freeze", options.frozen), "must be all, none, or a number of stages"
            )
        for package in ("onnx", "onnxruntime", "openvino") if options.export else ():
            if not installed(package):
                raise StriateError(
                    f"the package {package}",
                    "is needed to export the run and is not installed",
                    f"pip install 'striate[export]', or add {parameter('export', False)}",
                )
        self.answers = answers_of(options)
        refuse_meaningless(options)

    def reached(self) -> str:
        """How far it has come at this moment."""
        return f"{'after' if self.holding.begun else 'before'} the run was written"

    def way_on(self) -> str:
        """What to do after it was cut short at this moment, if anything was lost."""
        run = self.holding.begun
        if not self.looked_at:
            return ""
        if run is None:
            return "run the same command again, which finds the features that were computed"
        if self.options.frozen == "all":
            return f"measure it: striate evaluate {shlex.quote(str(run))}"
        return f"go on with: {self.place.group.resume_command(run)}"

    def run(self) -> Transfer:
        """From the claim of the run's folder to its weights."""
        options = self.options
        out = self._claim()
        backbone, stages = self._open_backbone()
        cache = cache_at(options.cache)
        data = self._open_images(cache, backbone)
        timing, of_train = self._features(backbone, data.train)
        task = self.task
        fitted = task.fit(task.head, of_train, data.train)
        for note in task.notes(fitted, of_train, data.train):
            self.place.callbacks.on_note(note)
        began = time.perf_counter()
        of_held = self._features_held(backbone, data, timing.engine)
        held_seconds = time.perf_counter() - began
        timing = replace(timing, head_seconds=fitted.seconds, held_seconds=held_seconds)
        network = Transferred(backbone.network, fitted.head).eval()
        record = self._record(backbone, stages, fitted, timing)
        record |= task.compared(fitted, of_train, data.train, cache)
        record |= task.doubts(fitted, of_train, data.train)
        source = backbone.run
        run = Run(
            out,
            self._config(backbone, fitted, data, timing),
            allow_code=source is not None and source.allow_code,
            given=None if source is None else source.given,
        )
        if options.curve and of_held is not None:
            record["curve"] = self._curve(run, network, len(stages), data, (of_train, of_held))
        write_atomically(out / names.TRANSFER, json.dumps(record, indent=1).encode())
        keep_images(out, data)
        if source is not None and source.config.code is not None:
            keep_code(out, code_of(source.path, source.config.code))
        answers = self._write_or_train(run, network, data, of_held)
        return Transfer(
            run=run,
            data=data,
            head=fitted,
            timing=timing,
            answers=answers,
            held=self.holding.handed_on(),
        )

    # --- what it starts from -------------------------------------------------------------------

    def _claim(self) -> Path:
        """The run's folder, claimed for it."""
        backbone = Path(self.named).name
        label = re.sub(r"[^\w.-]+", "-", backbone.rpartition(":")[2])
        return self.holding.take(
            lambda: claim_out(
                self.source, self.options.out, label, otherwise="choose another folder"
            )
        )

    def _open_backbone(self) -> tuple[Backbone, tuple[str, ...]]:
        """The backbone and the names of its stages."""
        backbone = open_backbone(
            self.named, self.options.weights, allow_code=self.options.allow_code
        )
        if backbone.note:
            self.place.callbacks.on_note(backbone.note)
        return backbone, check_stages(backbone, self.options)

    def _open_images(self, cache: Path | None, backbone: Backbone) -> Data:
        """The images; what features are computed of is made of large ones in the same pass."""
        options = self.options
        self.photographs = own = photographs_for(backbone, options)
        self.drawn = DrawnViews(
            backbone.preprocessing, options.views, options.seed, held_out=own.is_held_out
        )
        data = open_images_of(
            self.source,
            seed=options.seed,
            options=self.training_options,
            place=self.place,
            answers=self.answers,
            cache=cache,
            visitors=[*self.photographs.made.visitors, self.drawn],
        )
        data = knowing(data, self.photographs.made)
        self.task = task_of(options, data.train)
        self.task.check(images=len(data.train), views=options.views)
        self.looked_at = True
        self.place.callbacks.on_note(data.described)
        if options.frozen != "all":
            shape = shape_of(backbone, recipe_of(backbone, data, options))
            data = self.photographs.settled(data, shape, self.place, self.training_options)
        return data

    def _curve(
        self,
        run: Run,
        network: Transferred,
        stages: int,
        data: Data,
        found: tuple[Floats, Floats],
    ) -> dict[str, Any]:
        """What `--curve` asks for; `found` are the features of training and held-out images."""
        options = self.options
        of_train, of_held = found
        with counting("fitting heads to fewer images", wanted=options.progress) as count:
            images = by_images(
                self.task,
                of_train=of_train,
                data=data,
                of_held=of_held,
                held=data.val if data.test is None else data.test,
                progress=count,
            )
        with counting("training with stages frozen", wanted=options.progress) as count:
            tried = by_stages(
                self.task,
                run,
                network,
                stages=stages,
                data=data,
                of_train=of_train,
                place=self.place,
                workers=options.workers,
                progress=count,
            )
        return {"images": images, "stages": tried}

    # --- features and heads --------------------------------------------------------------------

    def _features(self, backbone: Backbone, train: ImageSet) -> tuple[Timing, Floats]:
        """Timing and features of the training images, (images, views, D)."""
        options = self.options
        with counting("computing features", wanted=options.progress) as count:
            found = features(
                backbone,
                train,
                views=options.views,
                seed=options.seed,
                engine=options.engine,
                cache_dir=options.cache_folder,
                workers=max(threads(options.workers), 1),
                drawn=self.drawn,
                progress=count,
            )
        for note in found.notes:
            self.place.callbacks.on_note(note)
        timing = Timing(
            engine=found.engine,
            computed=found.computed,
            found=found.found,
            seconds=found.seconds,
            start_seconds=found.start_seconds,
            head_seconds=0.0,
            held_seconds=0.0,
        )
        return timing, found.values.transpose(1, 0, 2)

    def _features_held(self, backbone: Backbone, data: Data, engine: str) -> Floats | None:
        """Features of the held-out images, (images, D), computed as `evaluate` computes them.

        None where nothing needs them.
        """
        if self.options.frozen != "all" and not self.options.curve:
            return None
        held = data.val if data.test is None else data.test
        with counting("computing held-out features", wanted=self.options.progress) as count:
            return float32_features(
                backbone,
                held,
                fitted_by=engine,
                cache=self.options.cache_folder,
                workers=max(threads(self.options.workers), 1),
                progress=count,
            )

    # --- the run -------------------------------------------------------------------------------

    def _record(
        self, backbone: Backbone, stages: tuple[str, ...], fitted: Fitted, timing: Timing
    ) -> dict[str, Any]:
        """How the run came about, for its ``transfer.json``."""
        options = self.options
        return {
            "backbone": backbone.name,
            "origin": backbone.origin,
            "note": backbone.note,
            "engine": timing.engine,
            "views": options.views,
            "freeze": options.frozen,
            "unfreeze_every": options.unfreeze_every,
            "stages": list(stages),
            "head": fitted.to_json(),
        }

    def _write_or_train(
        self, run: Run, network: Transferred, data: Data, of_held: Floats | None
    ) -> Floats | None:
        """Write the weights, and give held-out answers; or train what is not frozen."""
        if self.options.frozen != "all" or of_held is None:
            train_on(
                run,
                network,
                data,
                options=self.training_options,
                place=self.place,
                begin=self.holding.begin,
            )
            return None
        answers = self.task.answers(network.head, of_held)
        identity = run.config.identity
        write_weights(run.path / names.WEIGHTS, network.state_dict(), identity=identity, epoch=0)
        self.holding.begin(run.config)
        return answers

    def _config(self, backbone: Backbone, fitted: Fitted, data: Data, timing: Timing) -> RunConfig:
        options = self.options
        frozen = options.frozen == "all"
        network = Transferred(backbone.network, fitted.head)
        trained = None if frozen else recipe_of(backbone, data, options)
        shape = backbone.preprocessing.input_size
        device = torch.device("cpu") if frozen else self.place.device
        precision, decay = timing.engine.rpartition(" ")[2], None
        if trained is not None:
            precision = choose_precision("auto", network, shape, device)
            rows = len(data.train) * options.views
            decay = decay_of(fitted, rows, trained.optimiser.rate)
        return RunConfig(
            network=backbone.spec,
            classes=data.classes,
            targets=scaled(data.train),
            in_channels=shape[0],
            preprocessing=backbone.preprocessing,
            recipe=trained or FrozenRecipe(head=fitted.head_fit),
            data=data_origin(data, options.val_fraction, options.label),
            transfer=TransferOrigin(
                spec=backbone.spec,
                options=dict(backbone.options),
                classifier=backbone.network.classifier,
                weights=backbone.weights_digest,
                origin=backbone.origin,
                freeze=options.frozen,
                unfreeze_every=options.unfreeze_every,
                views=options.views,
                head=sizes_of(fitted.head),
                decay=decay,
            ),
            seed=options.seed,
            precision=precision,
            validation_precision="float32",
            working_copies=self.photographs.side,
            device=device.type,
            threads=torch.get_num_threads(),
            code=None if backbone.run is None else backbone.run.config.code,
            provenance=provenance(workers=threads(options.workers)),
        )
