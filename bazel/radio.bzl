"""The project's own rules: one place for warnings, test defaults and protobuf code."""

RADIO_COPTS = [
    "-Wall",
    "-Wextra",
    "-Werror",
]

# For what calls at::parallel_for: without them LibTorch's headers make it serial.
OPENMP_COPTS = ["-fopenmp"]

def radio_cc_library(copts = [], deps = [], **kwargs):
    native.cc_library(copts = RADIO_COPTS + copts, deps = deps + ["//bazel:abseil"], **kwargs)

def radio_cc_binary(copts = [], deps = [], **kwargs):
    native.cc_binary(copts = RADIO_COPTS + copts, deps = deps + ["//bazel:abseil"], **kwargs)

def radio_cc_test(copts = [], data = [], deps = [], size = "small", **kwargs):
    native.cc_test(
        copts = RADIO_COPTS + copts,
        data = data + ["//tools:sanitizer_suppressions"],
        deps = deps + ["//bazel:abseil", "//bazel:gmock", "//tests/testing:main"],
        size = size,
        **kwargs
    )

def radio_cc_proto(name, src, deps = [], grpc = False, root = "", srcs = [], visibility = None):
    """C++ code of one .proto file. The import path of `src` is its path below `root` (a package, "" for the workspace).

    Args:
      name: the cc_library.
      src: label of the .proto file in this package or in an external repository.
      deps: other radio_cc_proto targets that it imports.
      grpc: whether to generate the services' stubs too.
      root: folder that import paths start from.
      srcs: further .proto files that must be readable.
      visibility: of the cc_library.
    """
    file = src.split(":")[-1]
    base = file[:-len(".proto")]
    prefix = native.package_name()[len(root):].strip("/")
    path = (prefix + "/" if prefix and not src.startswith("@") else "") + base
    outs = ["gen/" + path + ext for ext in [".pb.h", ".pb.cc"] + ([".grpc.pb.h", ".grpc.pb.cc"] if grpc else [])]
    plugin = "--plugin=protoc-gen-grpc=$$(command -v grpc_cpp_plugin) --grpc_out=$(RULEDIR)/gen" if grpc else ""
    native.genrule(
        name = name + "_gen",
        srcs = [src] + srcs,
        outs = outs,
        cmd = "protoc -I{root} -Iexternal/googleapis --cpp_out=$(RULEDIR)/gen {plugin} {path}.proto".format(
            root = root if root else ".",
            plugin = plugin,
            path = path,
        ),
    )
    native.cc_library(
        name = name,
        srcs = [out for out in outs if out.endswith(".cc")],
        hdrs = [out for out in outs if out.endswith(".h")],
        includes = ["gen"],
        deps = deps + ["//bazel:protobuf"] + (["//bazel:grpc"] if grpc else []),
        visibility = visibility,
    )
