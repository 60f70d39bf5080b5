"""Stage ``finetune``: cut both networks, finetune them with distillation, and deliver the compressed generator."""

from collections.abc import Iterator
from typing import Literal

import torch
from torch import nn

from mggc.config import CompressConfig
from mggc.data.images import Subset
from mggc.data.loaders import evaluation_batches
from mggc.errors import MggcError
from mggc.finetune.criteria import make_criterion
from mggc.finetune.distill import Distillation
from mggc.finetune.online import OnlineDistillation
from mggc.finetune.recalibrate import recalibrate
from mggc.finetune.views import Criterion
from mggc.gan.train import Gan
from mggc.networks.build import initialize
from mggc.networks.files import save_network
from mggc.networks.specs import NetworkSpec
from mggc.pruning.channels import trace_channels
from mggc.pruning.cut import cut
from mggc.pruning.macs import count_macs
from mggc.runs.rundir import RunDir, digest_of
from mggc.runtime import seed_step, step_generator
from mggc.shapes import Images
from mggc.stages.context import Context
from mggc.stages.import_gan import NEEDS_DISTILLATION
from mggc.stages.latency_fit import measure_delivered
from mggc.stages.networks import ROLES, Role, generator_table, has_original, load_original
from mggc.stages.prune import current_plans_digest, run_plans
from mggc.stages.train_gan import make_gan, run_training

OBJECTIVES = {
    "pix2pix": "Finetuning with the Pix2Pix objective.",
    "cyclegan": "Finetuning with the full cycle objective.",
    "one direction": "Finetuning one direction alone: adversarial loss and distillation from the original, no cycle.",
}
JUDGED: tuple[Role, ...] = ("generator", "discriminator")
"""What a frozen teacher consists of."""


def finetune(context: Context) -> None:
    """Cut, recompute batch-norm statistics, finetune (or continue), and write ``compressed/``."""
    config, stage = context.config, context.run.stage("finetune")
    plans_digest = current_plans_digest(context)
    digest = digest_of("finetune", plans_digest, config.finetune.model_dump(), config.runtime.precision)
    if not context.pending(stage, digest):
        return
    context = context.seeded(config.finetune.seed)  # after the digest, which is of the run
    config = context.config
    kind = finetuning_kind(context.run)
    if kind == "one direction" and not config.finetune.distillation:
        raise MggcError(NEEDS_DISTILLATION)
    context.reporter.message(OBJECTIVES[kind])
    networks, specs = _cut_networks(context)
    device = context.fabric.device
    recalibrate(networks["generator"].to(device), (batch.to(device) for batch in _training_sources(context)))
    seed_step(config.seed, "connectors")
    gan = _make_gan(context, networks)
    run_training(context, stage, digest, gan, config.finetune)
    if context.leader:
        _deliver(context, networks, specs)
        measure_delivered(context)
        stage.finish(digest, objective=kind, distillation=_method(config))
    context.fabric.barrier()


def finetuning_kind(run: RunDir) -> Literal["pix2pix", "cyclegan", "one direction"]:
    """Which objective a run's finetuning has; a CycleGAN generator that came alone has no cycle."""
    if run.config.model == "pix2pix":
        return "pix2pix"
    return "cyclegan" if has_original(run, "backward_generator") else "one direction"


def _cut_networks(context: Context) -> tuple[dict[Role, nn.Module], dict[Role, NetworkSpec]]:
    """Cut generator and discriminator, with or without their weights; with CycleGAN the way back as it is."""
    plans, run = run_plans(context.run), context.run
    networks: dict[Role, nn.Module] = {}
    specs: dict[Role, NetworkSpec] = {}
    for role in ROLES:
        if not has_original(run, role):
            continue
        loaded = load_original(run, role)
        specs[role] = loaded.spec
        networks[role] = loaded.network
        if role == "generator":
            networks[role] = cut(loaded.network, generator_table(run, loaded.network), plans.generator)
        elif role == "discriminator":
            table = trace_channels(loaded.network, image_size=context.config.data.image_size)
            networks[role] = cut(loaded.network, table, plans.discriminator)
        if role in JUDGED and not context.config.finetune.inherit:
            initialize(networks[role], step_generator(context.config.seed, "from scratch", role))
    return networks, specs


def _training_sources(context: Context) -> Iterator[Images]:
    """A random but fixed part of the training split's source images."""
    config, sources = context.config, context.dataset.train.source
    order = torch.randperm(len(sources), generator=step_generator(config.seed, "recalibrate"))
    chosen = Subset(sources, order[: config.finetune.recalibration_images].tolist())
    return evaluation_batches(chosen, image_size=config.data.image_size, batch_size=16)


def _make_gan(context: Context, networks: dict[Role, nn.Module]) -> Gan:
    """The original objective over the cut networks, with distillation as configured."""
    config = context.config
    if not config.finetune.distillation:
        return make_gan(context, networks, config.finetune)
    online = config.finetune.distiller == "gcc"
    originals = _originals(context.run, ROLES if online else JUDGED)
    criterion = make_criterion(config.finetune, config.model)
    teacher = _distillation(context, networks, originals, criterion, online=online)
    gan = make_gan(context, networks, config.finetune, teacher=teacher)
    return OnlineDistillation(_online_teacher(context, originals), gan) if online else gan


def _online_teacher(context: Context, originals: dict[Role, nn.Module]) -> Gan:
    """The original objective over the original networks, which go on learning."""
    anchor = None
    if finetuning_kind(context.run) == "one direction":
        # Without a way back nothing but the frozen original says what the teacher's translations should keep.
        anchor = _distillation(context, originals, _originals(context.run, JUDGED), None)
    return make_gan(context, originals, context.config.finetune, teacher=anchor)


def _originals(run: RunDir, roles: tuple[Role, ...]) -> dict[Role, nn.Module]:
    """The run's original networks, loaded anew."""
    return {role: load_original(run, role).network for role in roles if has_original(run, role)}


def _distillation(
    context: Context,
    students: dict[Role, nn.Module],
    teachers: dict[Role, nn.Module],
    criterion: Criterion | None,
    *,
    online: bool = False,
) -> Distillation:
    """Distillation from one set of networks to the generator of another."""
    config = context.config
    size = config.data.image_size
    return Distillation(
        students["generator"],
        teachers["generator"],
        teachers["discriminator"],
        torch.zeros(2, context.dataset.input_channels, size, size),
        context.fabric,
        criterion=criterion,
        conditional=context.conditional,
        image_weight=config.finetune.image_weight if finetuning_kind(context.run) == "one direction" else 0.0,
        online=online,
    )


def _method(config: CompressConfig) -> str:
    """What was distilled with."""
    return config.finetune.distiller if config.finetune.distillation else "none"


def _deliver(context: Context, networks: dict[Role, nn.Module], specs: dict[Role, NetworkSpec]) -> None:
    """Write the compressed generator beside what is known of its origin, and the partners for further finetuning."""
    config, run = context.config, context.run
    generator = networks["generator"].eval()
    size = config.data.image_size
    plan = run.stage("prune").require(f"mggc prune {run.path}")
    provenance = {
        "method": plan["method"],
        "budget": config.budget,
        "macs_convention": config.macs_convention,
        "image_size": size,
        "macs": {name: count_macs(generator, size, convention=name) for name in ("exact", "paper")},
        "original_macs": plan["total_macs"],
        "data": context.dataset.name,
        "seed": config.seed,
        "distillation": _method(config),
        "kept_channels": run_plans(run).generator.to_json(),
    }
    save_network(run.compressed, generator, spec=specs["generator"], provenance=provenance, overwrite=True)
    folder = run.stage("finetune").path
    for role, network in networks.items():
        if role != "generator":
            save_network(folder / role, network.eval(), spec=specs[role], overwrite=True)
