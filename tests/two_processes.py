"""What `test_two_processes.py` starts: trainings on two CPU processes, each with data of its own.

Writes the parameters that each rank ends with to ``<folder>/<training>-<rank>.pt``.
"""

import sys
from functools import partial
from pathlib import Path

import torch
from lightning_fabric import Fabric

from choice_toys import material
from mggc.baselines.dmad import Dmad
from mggc.baselines.gcc import Gcc
from mggc.baselines.learned import LEARNED
from mggc.config import ObjectiveConfig, PlanMethod, PruneConfig, RuntimeConfig
from mggc.finetune.content_texture import ContentAndTexture
from mggc.finetune.distill import Distillation
from mggc.finetune.online import OnlineDistillation
from mggc.gan.cyclegan import CycleGan
from mggc.gan.pix2pix import Pix2Pix
from mggc.gan.train import Gan
from mggc.networks.build import build
from mggc.networks.specs import PatchSpec, UnetSpec
from mggc.pruning.channels import trace_channels
from mggc.pruning.cut import cut
from mggc.pruning.game import Game
from mggc.pruning.macs import MacsCounter
from mggc.runtime import make_fabric, seed_step
from toys import images, random_plan, strong_weights

SIZE, CHANNELS = 32, 2
GENERATOR = UnetSpec(input_channels=CHANNELS, output_channels=CHANNELS, downs=5, ngf=2)


def batch(step: int, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Different on every rank, and so are the masks and dropout's noise."""
    seed_step(0, "update", step, rank)
    shape = (2, CHANNELS, SIZE, SIZE)
    return images(*shape, seed=10 * step + rank), images(*shape, seed=1000 + 10 * step + rank)


def discriminator(channels: int, seed: int) -> torch.nn.Module:
    return strong_weights(build(PatchSpec(input_channels=channels, ndf=2, layers=2)), seed)


def finetune(fabric: Fabric, *, online: bool = False) -> dict[str, torch.Tensor]:
    teacher, judge = strong_weights(build(GENERATOR)), discriminator(2 * CHANNELS, 2)
    table = trace_channels(teacher, image_size=SIZE)
    student = cut(teacher, table, random_plan(table, 0, share=0.5))
    seed_step(0, "connectors", fabric.global_rank)  # even connectors that start apart end together
    distillation = Distillation(
        student,
        teacher,
        judge,
        torch.zeros(2, CHANNELS, SIZE, SIZE),
        fabric,
        criterion=ContentAndTexture(50.0, 100.0, root=True),
        conditional=True,
        online=online,
    )
    gan = Pix2Pix(student, discriminator(2 * CHANNELS, 3), ObjectiveConfig(), fabric, teacher=distillation)
    networks = {"g": gan.generator, "d": gan.adversary.network, "connectors": distillation}
    both: Gan = gan
    if online:
        taught = Pix2Pix(teacher, judge, ObjectiveConfig(), fabric)
        both = OnlineDistillation(taught, gan)
        networks |= {"teacher": taught.generator, "judge": taught.adversary.network}
    for step in range(3):
        both.update(*batch(step, fabric.global_rank))
    return {f"{key}.{n}": p for key, net in networks.items() for n, p in enumerate(net.parameters())}


def finetune_online(fabric: Fabric) -> dict[str, torch.Tensor]:
    return finetune(fabric, online=True)


def cycle(fabric: Fabric) -> dict[str, torch.Tensor]:
    generators = [strong_weights(build(GENERATOR), seed) for seed in (0, 1)]
    gan = CycleGan(
        *generators, discriminator(CHANNELS, 2), discriminator(CHANNELS, 3), ObjectiveConfig(), fabric
    )
    for step in range(3):
        gan.update(*batch(step, fabric.global_rank))
    trained = [gan.forward_generator, gan.backward_generator]
    trained += [gan.target_adversary.network, gan.source_adversary.network]
    return {f"{key}.{n}": p for key, net in enumerate(trained) for n, p in enumerate(net.parameters())}


def play(fabric: Fabric) -> dict[str, torch.Tensor]:
    generator, judge = strong_weights(build(GENERATOR)), discriminator(2 * CHANNELS, 2)
    table = trace_channels(generator, image_size=SIZE)
    game = Game(
        generator,
        judge,
        table,
        trace_channels(judge, image_size=SIZE),
        PruneConfig(),
        fabric,
        budget=MacsCounter(table).total // 3,
        convention="exact",
        conditional=True,
        gan_mode="hinge",
    )
    for step in range(3):
        game.step(*batch(step, fabric.global_rank))
    agents = {"g": game.g.agent, "d": game.d.agent}
    parameters = {f"{key}.{n}": p for key, agent in agents.items() for n, p in enumerate(agent.parameters())}
    heard = {"g_embedding": game.g_embedding, "d_embedding": game.d_embedding}
    plan = {"plan": game.plans()[0].mask(table)}
    return parameters | heard | plan


def choose(method: PlanMethod, fabric: Fabric) -> dict[str, torch.Tensor]:
    seed_step(0, method)
    generator, judge = strong_weights(build(GENERATOR)), discriminator(2 * CHANNELS, 2)
    given = material(generator, judge, size=SIZE, share=0.3, updates=4, fabric=fabric)
    chooser = LEARNED[method](given)
    for step in range(4):
        chooser.step(*batch(step, fabric.global_rank))
    plan, d_plan = chooser.plans()
    weights = {f"{key}.{n}": p for key, net in enumerate(given[:2]) for n, p in enumerate(net.parameters())}
    masks = {"plan": plan.mask(given.counter.table), "d_plan": d_plan.mask(given.discriminator_table)}
    return weights | masks | {f"mask.{n}": tensor for n, tensor in enumerate(_masks(chooser))}


def _masks(chooser: object) -> list[torch.Tensor]:
    if isinstance(chooser, Gcc):
        assert chooser.teacher_gap is not None
        return [chooser.gates.alpha, chooser.teacher_gap]
    return [chooser.mask.theta] if isinstance(chooser, Dmad) else []


def main(folder: Path) -> None:
    fabric = make_fabric(RuntimeConfig(device="cpu", devices=2))
    trainings = {"finetune": finetune, "online": finetune_online, "cycle": cycle, "game": play}
    trainings |= {method: partial(choose, method) for method in LEARNED}
    for name, train in trainings.items():
        result = {key: value.detach() for key, value in train(fabric).items()}
        torch.save(result, folder / f"{name}-{fabric.global_rank}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
