"""Small models with random weights, written by the exporter in this tree."""

load("@libtorch//:defs.bzl", "PYTHON")

def demo_artefact(name, version, adaptors):
    """A filegroup of one artefact, in a folder of its name.

    Args:
      name: of the filegroup and of the folder.
      version: as in `radio-export versions`.
      adaptors: those that the demo model of this version has.
    """
    files = ["manifest.textproto", "backbone.pt"] + ["adaptor_{}.pt".format(a) for a in adaptors]
    outs = ["{}/{}".format(name, file) for file in files]
    native.genrule(
        name = name + "_export",
        testonly = True,
        srcs = ["//model/export:radio_export"],
        outs = outs,
        cmd = "log=$$(PYTHONPATH=model/export {} -m radio_export demo --version {} --size tiny --output $(RULEDIR)/{} 2>&1) || {{ echo \"$$log\"; exit 1; }}".format(
            PYTHON,
            version,
            name,
        ),
        message = "Exporting a demo model of " + version,
    )
    native.filegroup(
        name = name,
        testonly = True,
        srcs = outs,
    )
