"""A map of the manifold: both generators' images on the plane of their main variation."""

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from mggc.report.figures import COMPRESSED, INK, ORIGINAL, STYLE, new_axes, to_svg
from mggc.report.labels import percent
from mggc.report.manifold import Plane, spread_out
from mggc.report.pictures import Translations
from mggc.shapes import ByteImage

THUMBNAILS = 10
THUMBNAIL_SIDE = 30
SIDE = 420


def manifold_map(plane: Plane, translations: Translations, *, key: str) -> Markup:
    """Circles for the original's images, crosses for the compressed generator's, a line between those of one source.

    Some of the original's images, far from each other, are drawn at their place.
    """
    before, after = plane.original.numpy(), plane.compressed.numpy()
    with mpl.rc_context(STYLE):
        figure, axes = new_axes(SIDE, SIDE, left=30, bottom=30, right=4, top=4)
        moves = np.stack([before, after], axis=1)
        axes.add_collection(
            LineCollection(list(moves), colors=ORIGINAL, alpha=0.45, linewidths=0.7, zorder=1)
        )
        axes.scatter(
            before[:, 0], before[:, 1], s=18, facecolors="none", edgecolors=ORIGINAL, linewidths=1.3, zorder=2
        )
        axes.scatter(after[:, 0], after[:, 1], s=16, marker="x", color=COMPRESSED, linewidths=1.2, zorder=3)
        for index in spread_out(plane.original, THUMBNAILS).tolist():
            _add_thumbnail(
                axes, translations.made["original"][index], (float(before[index, 0]), float(before[index, 1]))
            )
        axes.set_xticks([])
        axes.set_yticks([])
        axes.margins(0.09)
        for place, name in enumerate("xy"):
            label = f"component {place + 1}: {percent(plane.explained[place])} of the variance"
            getattr(axes, f"set_{name}label")(label)
        description = (
            f"Map of {len(before)} images of the original generator (circles) and as many of the compressed one "
            "(crosses) on the first two principal components of their embeddings; lines join images of one source."
        )
        return to_svg(figure, key=key, description=description)


def _add_thumbnail(axes: Axes, image: ByteImage, place: tuple[float, float]) -> None:
    pixels = image.permute(1, 2, 0).numpy()
    pixels = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels
    step = max(
        1, min(pixels.shape[:2]) // (3 * THUMBNAIL_SIDE)
    )  # three pixels for one are enough on any screen
    small = pixels[::step, ::step]
    picture = OffsetImage(small, zoom=THUMBNAIL_SIDE / small.shape[0])
    box = AnnotationBbox(
        picture,
        place,
        xybox=(0, 22),
        boxcoords="offset points",
        pad=0.08,
        bboxprops={"edgecolor": ORIGINAL, "linewidth": 1.0, "facecolor": INK},
        arrowprops={"arrowstyle": "-", "color": ORIGINAL, "linewidth": 0.8},
        zorder=4,
    )
    axes.add_artist(box)
