#include "model/engine/torch/cuda_support.h"

#include <ATen/Context.h>
#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "model/base/status_macros.h"

namespace radio {
namespace {

constexpr char kOperators[] = "libradio_ops_cuda.so";

std::string ProgramFolder() {
  std::array<char, PATH_MAX> path{};
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size() - 1);
  const std::string program(path.data(), length > 0 ? static_cast<size_t>(length) : 0);
  return program.substr(0, program.rfind('/'));
}

// Beside the program, where it is installed; in the tree that it was built in; on the linker's
// path.
void* OpenOperators() {
  std::string folder = ProgramFolder();
  std::vector<std::string> candidates = {absl::StrCat(folder, "/", kOperators)};
  for (; !folder.empty(); folder.resize(folder.rfind('/'))) {
    candidates.push_back(absl::StrCat(folder, "/model/ops/cuda/", kOperators));
  }
  for (const std::string& path : candidates) {
    if (access(path.c_str(), R_OK) == 0) return dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  }
  return dlopen(kOperators, RTLD_NOW | RTLD_GLOBAL);
}

// libtorch_cuda.so lies beside the libtorch_cpu.so that this process has loaded.
void* OpenLibtorchCuda() {
  void* cpu = dlopen("libtorch_cpu.so", RTLD_LAZY | RTLD_NOLOAD);
  link_map* map = nullptr;
  std::array<char, PATH_MAX> path{};
  if (cpu != nullptr && dlinfo(cpu, RTLD_DI_LINKMAP, &map) == 0 &&
      realpath(map->l_name, path.data()) != nullptr) {
    const std::string file(path.data());
    const std::string folder = file.substr(0, file.rfind('/'));
    return dlopen(absl::StrCat(folder, "/libtorch_cuda.so").c_str(), RTLD_NOW | RTLD_GLOBAL);
  }
  return dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL);
}

using DeviceName = const char* (*)(int device);

// Libraries stay loaded: their kernels are in the dispatcher. Returns what names a device.
absl::StatusOr<DeviceName> LoadLibraries() {
  if (OpenLibtorchCuda() == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat("no CUDA in this LibTorch: ", dlerror()));
  }
  void* operators = OpenOperators();
  if (operators == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat("no CUDA operators: ", dlerror()));
  }
  return reinterpret_cast<DeviceName>(dlsym(operators, "radio_cuda_device_name"));
}

}  // namespace

absl::StatusOr<std::string> LoadCuda(const std::string& device) {
  int index = -1;
  if (!absl::StartsWith(device, "cuda:") || !absl::SimpleAtoi(device.substr(5), &index) ||
      index < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("device must be \"cpu\" or \"cuda:N\", got \"", device, "\""));
  }
  static const auto* const libraries = new absl::StatusOr<DeviceName>(LoadLibraries());
  RADIO_ASSIGN_OR_RETURN(const DeviceName device_name, *libraries);
  const int devices = at::detail::getCUDAHooks().getNumGPUs();
  if (index >= devices) {
    return absl::FailedPreconditionError(
        absl::StrCat(device, ": this machine has ", devices, " usable CUDA devices"));
  }
  return std::string(device_name(index));
}

}  // namespace radio
