"""One static library of a target and everything of the project below it, for use outside Bazel."""

load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")

def _static_library_impl(ctx):
    members = []
    for dep in ctx.attr.deps:
        for linker_input in dep[CcInfo].linking_context.linker_inputs.to_list():
            for library in linker_input.libraries:
                # Position independent, so that shared libraries may take it in.
                archive = library.pic_static_library or library.static_library
                if archive:
                    members.append(archive)
    out = ctx.actions.declare_file("lib" + ctx.label.name + ".a")
    script = ["create " + out.path] + ["addlib " + member.path for member in members] + ["save", "end"]
    ctx.actions.run_shell(
        outputs = [out],
        inputs = depset(members, transitive = [find_cpp_toolchain(ctx).all_files]),
        command = "printf '%s\\n' {} | {} -M".format(
            " ".join(["'%s'" % line for line in script]),
            find_cpp_toolchain(ctx).ar_executable,
        ),
        mnemonic = "StaticLibrary",
    )
    return DefaultInfo(files = depset([out]))

static_library = rule(
    implementation = _static_library_impl,
    attrs = {
        "deps": attr.label_list(providers = [CcInfo]),
        "_cc_toolchain": attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain"),
    },
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)
