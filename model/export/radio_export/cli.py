"""The command line `radio-export`. Exit codes: 0 done, 1 failed (one line on standard error), 2 wrong usage."""

import argparse
import sys
import warnings
from pathlib import Path

from radio_export import __version__
from radio_export.errors import ExportError
from radio_export.options import ExportOptions
from radio_export.versions import find_version

ERAS = """\
eras:
  head  today's behaviour of the public code: positions resized with align_corners=False, one summary token per teacher
        name, ViTDet pattern by version, feature heads of a bfloat16 model rounded to bfloat16
  2024  that of spring 2024: align_corners=True, a summary token for every teacher, 5 windowed blocks in a row, no
        rounding of feature heads
"""


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not at least 1")
    return value


def _eradio_window(text: str) -> str:
    return text if text == "optimal" else str(_positive(text))


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def build_parser() -> argparse.ArgumentParser:
    """Every command with its options."""
    parser = argparse.ArgumentParser(
        prog="radio-export", description="Turns RADIO checkpoints into artefacts to serve."
    )
    parser.add_argument("--version", action="version", version=f"radio-export {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_export(commands)
    _add_demo(commands)
    _add_download(commands)
    _add_text(commands)
    versions = commands.add_parser("versions", help="list every known version with its facts and licence")
    versions.add_argument("--markdown", action="store_true", help="print docs/models.md instead")
    versions.set_defaults(run=_versions)
    verify = commands.add_parser("verify", help="recompute an artefact's checksums and self-test")
    verify.add_argument("directory", type=Path, metavar="DIR", help="folder of the artefact")
    verify.set_defaults(run=_verify)
    return parser


def _add_export(commands) -> None:
    p = commands.add_parser(
        "export",
        help="export a checkpoint or a Hugging Face folder",
        epilog=ERAS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument(
        "--checkpoint", type=Path, required=True, metavar="FILE", help=".pth.tar file or Hugging Face folder"
    )
    p.add_argument("--version", required=True, metavar="NAME", help="version key, see `radio-export versions`")
    p.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="folder to write; an artefact there is replaced"
    )
    p.add_argument("--adaptors", type=_names, default=[], metavar="A,B", help="teachers (default: all that have heads)")
    p.add_argument("--vitdet-window-size", type=_positive, metavar="N", help="ViTDet windows of N x N patches")
    pattern = p.add_mutually_exclusive_group()
    pattern.add_argument(
        "--vitdet-num-windowed", type=_positive, metavar="N", help="windowed blocks between global ones"
    )
    pattern.add_argument("--vitdet-num-global", type=_positive, metavar="N", help="global blocks in all")
    p.add_argument("--era", choices=("head", "2024"), default="head", help="behaviour to reproduce (default: head)")
    _add_precision(p, "the file's")
    p.add_argument(
        "--eradio-window",
        type=_eradio_window,
        default="optimal",
        metavar="{optimal,N}",
        help="attention window of E-RADIO: chosen for each image's size, or N tokens (default: optimal)",
    )
    p.set_defaults(run=_export)


def _add_precision(parser, default: str) -> None:
    parser.add_argument(
        "--precision", choices=("float32", "bfloat16"), help=f"arithmetic of the backbone (default: {default})"
    )


def _add_demo(commands) -> None:
    p = commands.add_parser("demo", help="write a model with random weights, to try the service without a download")
    p.add_argument("--version", required=True, metavar="NAME", help="version key, see `radio-export versions`")
    p.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="folder to write; an artefact there is replaced"
    )
    p.add_argument("--size", choices=("tiny", "full"), default="tiny", help="dimensions of the trunk (default: tiny)")
    p.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the weights (default: 0)")
    _add_precision(p, "the version's")
    p.set_defaults(run=_demo)


def _add_download(commands) -> None:
    p = commands.add_parser("download", help="fetch a version's official checkpoint")
    p.add_argument("--version", required=True, metavar="NAME", help="version key, see `radio-export versions`")
    p.add_argument("--output", type=Path, required=True, metavar="FILE", help="file to write; must not exist")
    p.set_defaults(run=_download)


def _add_text(commands) -> None:
    p = commands.add_parser("text", help="write text embeddings of class names in an adaptor's space")
    p.add_argument("--artefact", type=Path, required=True, metavar="DIR", help="exported model with the adaptor")
    p.add_argument("--adaptor", required=True, metavar="NAME", help="teacher with a text tower: open_clip or siglip2")
    p.add_argument("--classes", type=Path, required=True, metavar="FILE", help="class names, one a line")
    p.add_argument(
        "--templates",
        default="base",
        metavar="{base,simple,openai,FILE}",
        help="phrases with {} where the class goes (default: base, one phrase)",
    )
    p.add_argument("--weights", type=Path, metavar="PATH", help="local weights of the tower instead of the published")
    p.add_argument("--output", type=Path, required=True, metavar="FILE.npz", help="file to write")
    p.set_defaults(run=_text)


def _progress(text: str) -> None:
    print(f"radio-export: {text}", flush=True)


def _report(manifest, output: Path) -> None:
    adaptors = ", ".join(a.name for a in manifest.adaptors) or "none"
    marked = " with RANDOM WEIGHTS" if manifest.random_weights else ""
    _progress(f"{output}: {manifest.version}{marked}, {manifest.precision}, adaptors: {adaptors}")
    if manifest.random_weights:
        _progress(f"random weights have no licence; that of the published {manifest.version}: {manifest.license}")
    else:
        _progress(f"licence of the weights: {manifest.license}")


def _export(args: argparse.Namespace) -> None:
    from radio_export.checkpoint import read_checkpoint
    from radio_export.export import export_model
    from radio_export.huggingface import read_folder

    version = find_version(args.version)
    options = ExportOptions(
        adaptors=args.adaptors,
        vitdet_window=args.vitdet_window_size,
        vitdet_num_windowed=args.vitdet_num_windowed,
        vitdet_num_global=args.vitdet_num_global,
        era=args.era,
        precision=args.precision,
        eradio_window=args.eradio_window,
    )
    _progress(f"reading {args.checkpoint}")
    folder = args.checkpoint.is_dir()
    checkpoint = read_folder(args.checkpoint, version) if folder else read_checkpoint(args.checkpoint)
    _report(export_model(checkpoint, version, args.output, options, _progress), args.output)


def _demo(args: argparse.Namespace) -> None:
    from radio_export.demo import demo_checkpoint
    from radio_export.export import export_model

    version = find_version(args.version)
    _progress(f"drawing {args.size} random weights of {version.name}, seed {args.seed}")
    checkpoint = demo_checkpoint(version, args.size, args.seed)
    options = ExportOptions(precision=args.precision)
    _report(export_model(checkpoint, version, args.output, options, _progress), args.output)


def _download(args: argparse.Namespace) -> None:
    from radio_export.download import download

    download(find_version(args.version), args.output, _progress)


def _text(args: argparse.Namespace) -> None:
    from radio_export.text import write_text_embeddings

    where = (args.artefact, args.adaptor, args.classes, args.templates, args.output, args.weights)
    write_text_embeddings(*where, _progress)


def _versions(args: argparse.Namespace) -> None:
    from radio_export.describe import markdown, plain_table

    print(markdown() if args.markdown else plain_table(), end="" if args.markdown else "\n")


def _verify(args: argparse.Namespace) -> None:
    from radio_export.verify import verify_artefact

    distance = verify_artefact(args.directory, _progress)
    _progress(f"{args.directory} is whole; largest self-test difference {distance:.2g} of the rms")


def main(argv: list[str] | None = None) -> int:
    """Runs one command and returns the exit code."""
    warnings.filterwarnings("ignore", message=".*torch.jit.*", category=DeprecationWarning)
    args = build_parser().parse_args(argv)
    try:
        args.run(args)
    except ExportError as e:
        print(f"radio-export: error: {e}", file=sys.stderr)
        return 1
    except OSError as e:
        print(f"radio-export: error: {e.filename or ''}: {e.strerror or e}", file=sys.stderr)
        return 1
    return 0
