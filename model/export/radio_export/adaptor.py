"""One teacher's adaptor module out of a checkpoint."""

from dataclasses import dataclass

from torch import nn

from radio_export.checkpoint import Checkpoint
from radio_export.errors import ExportError
from radio_export.heads import AttentionFeatures, FeatureAdaptor, FullAdaptor, MlpFeatures, SummaryAdaptor, build_head
from radio_export.teachers import TeacherInfo, head_part


@dataclass
class BuiltAdaptor:
    """A module ready to be scripted, with the widths the manifest records (0: no such head)."""

    teacher: TeacherInfo
    module: nn.Module
    summary_dim: int
    feature_dim: int

    @property
    def upsample_factor(self) -> int:
        return self.teacher.upsample_factor if self.feature_dim else 1


def build_adaptor(
    checkpoint: Checkpoint, teacher: TeacherInfo, prefix_tokens: int, round_bfloat16: bool
) -> BuiltAdaptor:
    """The teacher's heads as one module. ExportError on unknown or missing keys, or a token the model lacks."""
    summary, features = (head_part(checkpoint, teacher, kind) for kind in ("_heads", "_feature_projections"))
    kind = FullAdaptor if summary and features else SummaryAdaptor if summary else FeatureAdaptor
    module = kind()
    summary_dim = feature_dim = 0
    if summary:
        if teacher.token >= prefix_tokens:
            raise ExportError(f"checkpoint: teacher {teacher.name} reads token {teacher.token} of {prefix_tokens}")
        module.token = teacher.token
        module.summary_head, summary_dim = build_head(summary, f"_heads.{teacher.keys[0]}.", False)
    if features:
        where = f"_feature_projections.{teacher.keys[0]}."
        head, feature_dim = build_head(features, where, True)
        factor = teacher.upsample_factor
        if feature_dim % factor**2:
            raise ExportError(f"checkpoint: {where}: width {feature_dim} is not a multiple of {factor}^2 (upsampling)")
        module.feature_head = head if isinstance(head, AttentionFeatures) else MlpFeatures(head)
        module.factor, module.round_bfloat16 = factor, round_bfloat16
        feature_dim //= factor**2
    return BuiltAdaptor(teacher, module.eval(), summary_dim, feature_dim)
