"""The CUDA operators: built where a CUDA toolkit is installed, absent elsewhere."""

load("@cuda//:defs.bzl", "HAVE_CUDA", "NVCC")
load("//bazel:radio.bzl", "RADIO_COPTS")

#Machine code for T4, A100, H100, B200 and RTX 50; the last one also as PTX for what comes later.
_ARCHITECTURES = [
    "arch=compute_75,code=sm_75",
    "arch=compute_80,code=sm_80",
    "arch=compute_90,code=sm_90",
    "arch=compute_100,code=sm_100",
    "arch=compute_120,code=[sm_120,compute_120]",
]

#What a program that serves on CUDA needs beside it; empty without a toolkit.
CUDA_OPERATORS = ["//model/ops/cuda:libradio_ops_cuda.so"] if HAVE_CUDA else []

# Without CUDA headers.
KERNEL_HEADERS = [
    "attention_choice.h",
    "element.h",
    "epilogue_kernel.h",
    "gather_kernel.h",
    "launch.h",
    "norm_kernel.h",
    "patchify_kernel.h",
    "position_kernel.h",
]

# One .cu file each.
_KERNELS = [
    "add_layer_norm",
    "gather_outputs",
    "linear_epilogue",
    "patchify",
    "position_embedding",
]

def _kernel_object(name):
    native.genrule(
        name = name + "_object",
        srcs = KERNEL_HEADERS + [
            name + ".cu",
            "device_element.h",
            "kernels.h",
            "//model/ops:bilinear_tap.h",
            "//model/ops:host_device.h",
        ],
        outs = [name + ".pic.o"],
        cmd = "{} -std=c++17 -O3 -Xcompiler -fPIC,-Wall {} -I. -c $(location {}.cu) -o $@".format(
            NVCC,
            " ".join(["-gencode '{}'".format(a) for a in _ARCHITECTURES]),
            name,
        ),
        message = "Compiling CUDA kernel",
    )

def cuda_operators(name, visibility):
    if not HAVE_CUDA:
        return
    for kernel in _KERNELS:
        _kernel_object(kernel)
    native.cc_binary(
        name = name,
        srcs = [kernel + ".pic.o" for kernel in _KERNELS] + [
            "element_of.h",
            "gather_outputs.cc",
            "kernels.h",
            "linear.cc",
            "operators.h",
            "register.cc",
        ],
        copts = RADIO_COPTS,
        linkshared = True,
        linkstatic = True,
        visibility = visibility,
        deps = [
            ":kernel_threads",
            "//model/ops:norm_rules",
            "//model/ops:output_segments",
            "@cuda//:cudart",
            "@libtorch//:libtorch_cuda",
        ],
    )
