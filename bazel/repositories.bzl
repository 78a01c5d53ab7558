"""Repositories made of what Debian and the project's virtual environment have installed."""

def _debian_rules_impl(ctx):
    ctx.execute(["cp", "-rL", ctx.attr.path + "/.", "."])

    # Debian's rules_cc is newer than its Bazel: it loads a symbol that Bazel 4.2.3 lacks.
    for name in ["compiler_flag", "cc_flags_supplier"]:
        file = ctx.path("cc/private/rules_impl/{}.bzl".format(name))
        if file.exists:
            text = ctx.read(file)
            text = text.replace(", \"use_cpp_toolchain\"", "")
            text = text.replace("use_cpp_toolchain()", "[\"@bazel_tools//tools/cpp:toolchain_type\"]")
            ctx.file(file, text)

debian_rules = repository_rule(
    implementation = _debian_rules_impl,
    attrs = {"path": attr.string(mandatory = True)},
    doc = "Bazel rules as Debian packages them, fitted to Debian's Bazel.",
)

def _empty_repository_impl(ctx):
    ctx.file("BUILD", """filegroup(name = "{}", visibility = ["//visibility:public"])\n""".format(ctx.attr.filegroup))

empty_repository = repository_rule(
    implementation = _empty_repository_impl,
    attrs = {"filegroup": attr.string(mandatory = True)},
    doc = "Stands in for a repository that Bazel names and this project never uses.",
)

def _python(ctx):
    root = ctx.path(Label("//:WORKSPACE")).dirname
    python = root.get_child(".venv").get_child("bin").get_child("python")
    if not python.exists:
        fail("No Python environment in .venv: run tools/setup.sh first.")
    return python

def _site_packages(ctx):
    result = ctx.execute([_python(ctx), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"])
    if result.return_code != 0:
        fail(result.stderr)
    return ctx.path(result.stdout.strip())

def _libtorch_impl(ctx):
    site = _site_packages(ctx)
    torch = site.get_child("torch")
    if not torch.get_child("include").exists:
        fail("No torch in .venv: run tools/setup.sh first.")

    # The wheel carries its own fmt and protobuf headers; they would shadow the system's.
    for entry in torch.get_child("include").readdir():
        if entry.basename not in ["fmt", "google"]:
            ctx.symlink(entry, "include/" + entry.basename)
    ctx.symlink(torch.get_child("lib"), "lib")

    # libtorch_cpu.so needs CUDA runtime libraries; they come from wheels where no toolkit is installed.
    rpaths = [str(torch.get_child("lib").realpath)]
    nvidia = site.get_child("nvidia")
    if nvidia.exists:
        for entry in nvidia.readdir():
            if entry.get_child("lib").exists:
                rpaths.append(str(entry.get_child("lib").realpath))

    # DT_RPATH rather than DT_RUNPATH: it also serves the libraries that libtorch_cpu.so itself names.
    link = ["-Wl,--disable-new-dtags"]
    for path in rpaths:
        link += ["-Wl,-rpath," + path, "-Wl,-rpath-link," + path]
    ctx.template("BUILD", Label("//bazel:libtorch.BUILD"), {"{LINKOPTS}": repr(link)})
    ctx.file("defs.bzl", "PYTHON = {}\n".format(repr(str(_python(ctx)))))

libtorch = repository_rule(
    implementation = _libtorch_impl,
    local = True,
    doc = "LibTorch as the torch wheel in .venv ships it.",
)

def _googleapis_protos_impl(ctx):
    google = _site_packages(ctx).get_child("google")
    for name in ["rpc/status.proto", "rpc/error_details.proto"]:
        ctx.symlink(str(google) + "/" + name, "google/" + name)
    ctx.file("BUILD", """exports_files(["google/rpc/status.proto", "google/rpc/error_details.proto"], visibility = ["//visibility:public"])\n""")

googleapis_protos = repository_rule(
    implementation = _googleapis_protos_impl,
    local = True,
    doc = "google.rpc protos from the Python package googleapis-common-protos.",
)

def _cuda_toolkit_impl(ctx):
    toolkit = ctx.path("/usr/local/cuda")
    nvcc = toolkit.get_child("bin").get_child("nvcc")
    if nvcc.exists:
        ctx.symlink(toolkit.get_child("include"), "include")
        ctx.symlink(toolkit.get_child("lib64"), "lib64")
    ctx.file("BUILD", """
cc_library(
    name = "cudart",
    srcs = glob(["lib64/libcudart.so"]),
    hdrs = glob(["include/**"]),
    includes = ["include"],
    visibility = ["//visibility:public"],
)
""")
    ctx.file("defs.bzl", "HAVE_CUDA = {}\nNVCC = {}\n".format(nvcc.exists, repr(str(nvcc))))

cuda_toolkit = repository_rule(
    implementation = _cuda_toolkit_impl,
    local = True,
    doc = "Says whether a CUDA toolkit is installed and where.",
)
