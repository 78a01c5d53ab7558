"""Fuzz targets: one function that libFuzzer calls, and the same over a checked-in corpus as an ordinary test."""

load("//bazel:radio.bzl", "radio_cc_library", "radio_cc_test")

def radio_fuzz_target(name, corpus, deps):
    """Makes NAME_corpus_test, and the libFuzzer program NAME for --config=fuzz.

    Args:
      name: the target; NAME.cc defines LLVMFuzzerTestOneInput.
      corpus: folders below this package, each with at least one file.
      deps: what the function calls.
    """
    radio_cc_library(
        name = name + "_function",
        testonly = True,
        srcs = [name + ".cc"],
        deps = deps + ["//tests/fuzz:fuzz_check"],
        alwayslink = True,
    )
    radio_cc_test(
        name = name + "_corpus_test",
        srcs = ["corpus_test.cc"],
        data = native.glob([folder + "/*" for folder in corpus]),
        env = {"CORPUS": ":".join([native.package_name() + "/" + folder for folder in corpus])},
        deps = [name + "_function"],
    )
    native.cc_binary(
        name = name,
        testonly = True,
        linkopts = ["-fsanitize=fuzzer"],
        tags = ["manual"],
        deps = [name + "_function"],
    )
