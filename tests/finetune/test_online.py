import copy
import io
from typing import Any

import torch
from distill_toys import SIZE, distil, halved, patchgan, unet
from torch import Tensor

from asserts import assert_same, snapshot
from mggc.config import ObjectiveConfig
from mggc.finetune.content_texture import ContentAndTexture
from mggc.finetune.online import OnlineDistillation
from mggc.gan.pix2pix import Pix2Pix
from mggc.gan.train import Gan
from mggc.runtime import seed_step
from toys import cpu_fabric, images

CONFIG = ObjectiveConfig(lr=1e-3)


def batch(step: int) -> tuple[Tensor, Tensor]:
    return images(2, 1, SIZE, SIZE, seed=step), images(2, 2, SIZE, SIZE, seed=100 + step)


def make() -> OnlineDistillation:
    teacher, judge = unet(), patchgan(3)
    student, rival = halved(teacher), patchgan(3, 1)
    seed_step(0, "connectors")
    distillation = distil(student, teacher, judge, ContentAndTexture(50.0, 100.0, root=True), online=True)
    followers = Pix2Pix(student, rival, CONFIG, cpu_fabric(), teacher=distillation)
    return OnlineDistillation(Pix2Pix(teacher, judge, CONFIG, cpu_fabric()), followers)


def parts(online: OnlineDistillation) -> tuple[Pix2Pix, Pix2Pix]:
    teacher, student = online.teacher, online.student
    assert isinstance(teacher, Pix2Pix)
    assert isinstance(student, Pix2Pix)
    return teacher, student


def test_the_teacher_learns_as_if_it_were_alone() -> None:
    online = make()
    assert isinstance(online, Gan)
    alone = Pix2Pix(unet(), patchgan(3), CONFIG, cpu_fabric())
    teacher, _ = parts(online)
    for step in range(3):
        seed_step(0, "update", step)
        losses = online.update(*batch(step))
        seed_step(0, "update", step)
        expected = alone.update(*batch(step))
        assert_same({name: losses[f"teacher_{name}"] for name in expected}, expected)
    assert_same(snapshot(teacher.generator.module), snapshot(alone.generator.module))
    assert_same(snapshot(teacher.adversary.network.module), snapshot(alone.adversary.network.module))


def test_the_student_follows_the_teacher_as_it_is_after_its_update() -> None:
    online = make()
    teacher, student = parts(online)
    online.update(*batch(0))
    x, y = batch(1)
    seed_step(0, "update", 1)
    teacher.update(x, y)
    frozen = distil(
        student.generator.module,
        copy.deepcopy(teacher.generator.module),
        copy.deepcopy(teacher.adversary.network.module),
        ContentAndTexture(50.0, 100.0, root=True),
    )
    assert student.teacher is not None
    with torch.no_grad():
        for own, other in zip(frozen.parameters(), student.teacher.parameters(), strict=True):
            own.copy_(other)
    torch.manual_seed(3)
    expected = frozen(x, student.generator.module(x)).detach()
    torch.manual_seed(3)
    torch.testing.assert_close(student.update(x, y)["distillation"], expected)


def run(online: OnlineDistillation, steps: range) -> list[dict[str, Tensor]]:
    records = []
    for step in steps:
        seed_step(0, "update", step)
        online.set_learning_rate(1e-3 / (step + 1))
        records.append(online.update(*batch(step)))
    return records


def reloaded(state: dict[str, Any]) -> dict[str, Any]:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)  # type: ignore[no-any-return]


def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit() -> None:
    whole = make()
    records = run(whole, range(4))
    first = make()
    run(first, range(2))
    state = reloaded(first.state_dict())
    second = make()
    run(second, range(1))
    second.load_state_dict(state)
    assert_same(run(second, range(2, 4)), records[2:])
    assert_same(reloaded(second.state_dict()), reloaded(whole.state_dict()))


def test_the_learning_rate_reaches_both() -> None:
    online = make()
    online.set_learning_rate(0.125)
    for gan in parts(online):
        for optimizer in (gan.optimizer, gan.adversary.optimizer):
            assert optimizer.param_groups[0]["lr"] == 0.125
