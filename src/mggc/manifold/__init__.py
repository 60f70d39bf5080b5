"""Neighborhoods on the generator's learned manifold: a self-supervised encoder, and the nearest teacher images."""

from mggc.manifold.backbone import ResNet as ResNet
from mggc.manifold.collapse import CollapseReport as CollapseReport
from mggc.manifold.collapse import check_collapse as check_collapse
from mggc.manifold.crops import CropSettings as CropSettings
from mggc.manifold.encoder import Encoder as Encoder
from mggc.manifold.encoder import EncoderSpec as EncoderSpec
from mggc.manifold.encoder import build_encoder as build_encoder
from mggc.manifold.encoder import embed as embed
from mggc.manifold.encoder import encoder_spec as encoder_spec
from mggc.manifold.encoder import load_encoder as load_encoder
from mggc.manifold.encoder import save_encoder as save_encoder
from mggc.manifold.encoder import wrap_encoder as wrap_encoder
from mggc.manifold.neighbors import draw_neighbor as draw_neighbor
from mggc.manifold.neighbors import nearest_neighbors as nearest_neighbors
from mggc.manifold.pictures import neighbor_grid as neighbor_grid
from mggc.manifold.search import Neighbors as Neighbors
from mggc.manifold.swav_checkpoint import load_swav_checkpoint as load_swav_checkpoint
from mggc.manifold.swav_state import SwavState as SwavState
from mggc.manifold.swav_state import make_swav_state as make_swav_state
from mggc.manifold.swav_training import SwavRecord as SwavRecord
from mggc.manifold.swav_training import crop_settings as crop_settings
from mggc.manifold.swav_training import fit_swav as fit_swav
from mggc.manifold.swav_training import swav_updates as swav_updates
from mggc.manifold.teacher_images import open_teacher_images as open_teacher_images
from mggc.manifold.teacher_images import teacher_batch as teacher_batch
from mggc.manifold.teacher_images import write_teacher_images as write_teacher_images
