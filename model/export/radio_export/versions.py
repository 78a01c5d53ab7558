"""What is known about every version of the RADIO family: the one table of version facts.

Dimensions of an artefact never come from here: they are read from the checkpoint's tensors and arguments. This table
gives the rules (preferred and maximum resolution, ViTDet pattern, licence), the official file, and the shapes from
which `demo` builds a model. Facts marked unverified were never seen in a file.
"""

from dataclasses import dataclass

from radio_export.errors import ExportError

NON_COMMERCIAL = (
    "NVIDIA Source Code License-NC (research or evaluation only), https://github.com/NVlabs/RADIO/blob/main/LICENSE"
)
OPEN_MODEL = (
    "NVIDIA Open Model License, https://www.nvidia.com/en-us/agreements/enterprise-software/nvidia-open-model-license/"
)


@dataclass(frozen=True)
class Architecture:
    """Full-size dimensions behind an architecture's name. `mlp_dim`: inner width (of one half for SwiGLU).

    `family`: `vit`, `student` (DINOv2's ViT) or `eradio`, whose dimensions are those of its coarsest level.
    """

    dim: int
    depth: int
    heads: int
    mlp_dim: int
    patch_size: int = 16
    mlp_norm: bool = False
    layer_scale: bool = False
    # timm's own image size (0: not a timm model). A `cpe_max_size` equal to it switches the position resize off.
    image_size: int = 224
    family: str = "vit"

    @property
    def step(self) -> int:
        """Both sides of an image are multiples of it, in pixels. E-RADIO's coarsest level has twice the stride."""
        return 2 * self.patch_size if self.family == "eradio" else self.patch_size


ARCHITECTURES = {
    "vit_base_patch16_224": Architecture(768, 12, 12, 3072),
    "vit_large_patch16_224": Architecture(1024, 24, 16, 4096),
    "vit_huge_patch14_224": Architecture(1280, 32, 16, 5120, patch_size=14),
    "vit_huge_patch16_224": Architecture(1280, 32, 16, 5120),
    "vit_huge_patch16_224_mlpnorm": Architecture(1280, 32, 16, 5120, mlp_norm=True),
    "vit_giant_patch16_224": Architecture(1536, 40, 24, 6144),
    "vit_so400m_patch16_224": Architecture(1152, 27, 16, 4304),
    "vit_base_patch16_v2_224": Architecture(768, 12, 12, 3072, layer_scale=True, image_size=592),
    "vit_large_patch16_v2_224": Architecture(1024, 24, 16, 4096, layer_scale=True, image_size=592),
    "dino_v2_g_student": Architecture(
        1536, 40, 24, 4096, patch_size=14, layer_scale=True, image_size=0, family="student"
    ),
    "eradio": Architecture(1536, 16, 16, 6144, image_size=0, family="eradio"),
    "fastervit2_large_fullres_ws16": Architecture(1536, 16, 16, 6144, image_size=0, family="eradio"),
}


@dataclass(frozen=True)
class Teacher:
    """A teacher as checkpoints name it, and the widths of its heads (0: no such head)."""

    name: str
    type: str
    model: str
    summary_dim: int
    feature_dim: int
    pretrained: str = ""
    use_summary: bool = True
    spatial_mlp_version: str = ""


_CLIP = Teacher("clip", "open_clip", "ViT-H-14-378-quickgelu", 1024, 1280, "dfn5b")
_OPENAI = Teacher("openai_clip", "openai_clip", "ViT-L/14@336px", 768, 1024, "openai")
_OPENAI_V1 = Teacher("openai_clip", "openai_clip", "ViT-L/14@336px", 768, 1024, "openai", use_summary=False)
_SIGLIP = Teacher("siglip", "open_clip", "ViT-SO400M-14-SigLIP-384", 1152, 1152, "webli")
_SIGLIP2 = Teacher("siglip2-g", "siglip2", "siglip2-g-384", 1536, 1536)
_DINO_V1 = Teacher("dino_v2", "dino_v2", "dinov2_vitg14", 1536, 1536)
_DINO = Teacher("dino_v2", "dino_v2", "dinov2_vitg14_reg", 1536, 1536)
_DINO_L = Teacher("dino_v2_large", "dino_v2", "dinov2_vitl14_reg", 1024, 1024)
_DINO3 = Teacher("dino_v3", "dino_v3", "dinov3_vit7b16", 4096, 4096, spatial_mlp_version="attn")
_SAM_V2 = Teacher("sam", "sam", "vit-h", 0, 1280)
_SAM = Teacher("sam", "sam", "vit-h", 0, 1280, use_summary=False)
_SAM3 = Teacher("sam3", "sam3", "sam3", 0, 1024, use_summary=False)

_TEACHERS_V1 = (_CLIP, _OPENAI_V1, _DINO_V1)
_TEACHERS_V2 = (_CLIP, _OPENAI, _DINO, _SAM_V2)
_TEACHERS_V25 = (_CLIP, _SIGLIP, _DINO, _SAM)
_TEACHERS_V3 = (_CLIP, _SIGLIP2, _DINO, _SAM)
_TEACHERS_V4 = (_SIGLIP2, _DINO3, _SAM3)
_TEACHERS_E = (_CLIP, _DINO, _DINO_L, _SAM_V2)


@dataclass(frozen=True)
class Version:
    """Facts and rules of one version. Resolutions in pixels; `repository` and `file` name the official weights (an
    empty `file`: there only is the repository's folder)."""

    name: str
    architecture: str
    preferred: tuple[int, int]
    max_resolution: int
    license: str
    repository: str
    file: str
    teachers: tuple[Teacher, ...]
    # Backbone parameters without heads and conditioner, unused tensors of the file included.
    parameters: int
    register_multiple: int | None = 8
    num_registers: int | None = None
    cls_token_per_teacher: bool = True
    final_norm: bool = False
    dtype: str = "float32"
    mlp_inner: int = 1
    feature_normalizer: bool = False
    # E-RADIO's first layout, before the convolution in front of attention and the depthwise neck.
    early_eradio: bool = False
    # ViTDet: windowed blocks in a row, or global blocks in all (4 when neither is given).
    vitdet: bool = True
    vitdet_num_windowed: int | None = None
    vitdet_num_global: int | None = None
    # False where the architecture's name was never seen in a file: then any of the same family is accepted.
    architecture_verified: bool = True

    @property
    def dims(self) -> Architecture:
        return ARCHITECTURES[self.architecture]


def _version(name, architecture, preferred, max_resolution, license, repository, file, teachers, parameters, **facts):
    size = (preferred, preferred)
    return Version(name, architecture, size, max_resolution, license, repository, file, teachers, parameters, **facts)


_NC, _OM = NON_COMMERCIAL, OPEN_MODEL
_MLPNORM = "vit_huge_patch16_224_mlpnorm"
_RADIO, _C = "nvidia/RADIO", "nvidia/C-RADIO"
_V2 = dict(register_multiple=16, final_norm=True, mlp_inner=3, vitdet_num_windowed=5)
_STUDENT = dict(
    register_multiple=None, num_registers=4, cls_token_per_teacher=False, final_norm=True, vitdet_num_global=8
)
_V4 = dict(register_multiple=10)
_E = dict(register_multiple=0, cls_token_per_teacher=False, vitdet=False)

# fmt: off
VERSIONS = {v.name: v for v in (
    _version("radio_v1", "vit_huge_patch14_224", 378, 1050, _NC, _RADIO, "radio_v1.pth.tar", _TEACHERS_V1,
             637_643_520, mlp_inner=3),
    _version("radio_v2", _MLPNORM, 432, 2048, _NC, _RADIO, "radio_v2.pth.tar", _TEACHERS_V2, 651_983_360, **_V2),
    _version("radio_v2.1", _MLPNORM, 432, 2048, _NC, _RADIO, "radio_v2.1_bf16.pth.tar", _TEACHERS_V2,
             651_983_360, dtype="bfloat16", **_V2),
    _version("eradio_v1", "fastervit2_large_fullres_ws16", 512, 2048, _NC, "nvidia/E-RADIO", "", (),
             263_927_872, architecture_verified=False, early_eradio=True, **_E),
    _version("e-radio_v2", "eradio", 512, 2048, _NC, _RADIO, "eradio_v2.pth.tar", _TEACHERS_E, 389_598_784,
             **_E),
    _version("radio_v2.5-b", "vit_base_patch16_224", 768, 2048, _NC, _RADIO, "radio-v2.5-b_half.pth.tar",
             _TEACHERS_V25, 98_233_344),
    _version("radio_v2.5-l", "vit_large_patch16_224", 768, 2048, _NC, _RADIO, "radio-v2.5-l_half.pth.tar",
             _TEACHERS_V25, 319_881_216),
    _version("radio_v2.5-h", "vit_huge_patch16_224", 768, 2048, _NC, _RADIO, "radio_v2.5-h.pth.tar",
             _TEACHERS_V25, 651_642_880),
    _version("radio_v2.5-h-norm", "vit_huge_patch16_224", 768, 2048, _NC, _RADIO, "radio_v2.5-h-norm.pth.tar",
             _TEACHERS_V25, 651_642_880, feature_normalizer=True),
    _version("radio_v2.5-g", "dino_v2_g_student", 896, 1792, _NC, _RADIO, "radio_v2.5-g.pth.tar",
             _TEACHERS_V25, 1_159_548_416, **_STUDENT),
    _version("c-radio_v2-g", "vit_giant_patch16_224", 768, 2048, _OM, _C + "v2-g", "c-radio_v2-g_half.pth.tar",
             _TEACHERS_V25, 1_159_618_560, vitdet_num_global=8),
    _version("c-radio_v2-vlm-h", "vit_huge_patch16_224", 768, 2048, _OM, _C + "v2-VLM-H",
             "c-radio_v2-vlm-h.pth.tar", _TEACHERS_V3, 651_645_440, register_multiple=10, vitdet_num_global=8,
             architecture_verified=False),
    _version("c-radio_v3-b", "vit_base_patch16_v2_224", 512, 2048, _OM, _C + "v3-B", "c-radio_v3-b_half.pth.tar",
             _TEACHERS_V3, 98_254_848, vitdet=False),
    _version("c-radio_v3-l", "vit_large_patch16_v2_224", 512, 2048, _OM, _C + "v3-L", "c-radio-v3_l_half.pth.tar",
             _TEACHERS_V3, 319_934_464, vitdet=False),
    _version("c-radio_v3-h", "vit_huge_patch16_224", 512, 2048, _OM, _C + "v3-H", "c-radio_v3-h_half.pth.tar",
             _TEACHERS_V3, 651_642_880, vitdet=False),
    _version("c-radio_v3-g", "vit_giant_patch16_224", 512, 2048, _OM, _C + "v3-g", "c-radio_v3-g_half.pth.tar",
             _TEACHERS_V3, 1_159_618_560, vitdet=False),
    _version("c-radio_v4-so400m", "vit_so400m_patch16_224", 512, 2048, _OM, _C + "v4-SO400M",
             "c-radio_v4-so400m_half.pth.tar", _TEACHERS_V4, 431_237_232, **_V4),
    _version("c-radio_v4-h", "vit_huge_patch16_224", 512, 2048, _OM, _C + "v4-H", "c-radio_v4-h_half.pth.tar",
             _TEACHERS_V4, 651_645_440, **_V4),
)}
# fmt: on


def find_version(name: str) -> Version:
    """The version called `name`; ExportError listing the known ones otherwise."""
    if name not in VERSIONS:
        raise ExportError(f"version: {name!r} is not known; known versions: {', '.join(VERSIONS)}")
    return VERSIONS[name]


def vitdet_period(version: Version, depth: int, num_windowed: int | None, num_global: int | None, era: str) -> int:
    """Every `period`-th block is global. The arguments win over the era, the era over the table.

    In 2024 (until July) every version had 5 windowed blocks in a row. ExportError when no block would be windowed.
    """
    if not version.vitdet:
        raise ExportError(f"--vitdet-window-size: {version.name} does not support ViTDet windows")
    if num_windowed is None and num_global is None:
        num_windowed = 5 if era == "2024" else version.vitdet_num_windowed
        num_global = version.vitdet_num_global
    if num_windowed is not None:
        return num_windowed + 1
    period = max(depth // (num_global or 4), 1)
    if period < 2:
        raise ExportError(
            f"--vitdet-window-size: {depth} blocks with {num_global or 4} global ones leave none windowed"
        )
    return period


def registers(num_cls: int, register_multiple: int | None, num_registers: int | None) -> int:
    """Register tokens beside `num_cls` class tokens: fill up to a multiple, a full one when it divides evenly."""
    if num_registers:
        return num_registers
    return register_multiple - num_cls % register_multiple if register_multiple else 0
