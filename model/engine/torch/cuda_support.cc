#include "model/engine/torch/cuda_support.h"

#include <ATen/Context.h>
#include <dlfcn.h>
#include <unistd.h>

#include <array>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "model/base/status_macros.h"

namespace radio {
namespace {

constexpr char kOperators[] = "libradio_ops_cuda.so";

std::string ProgramFolder() {
  std::array<char, 4096> path{};
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size() - 1);
  const std::string program(path.data(), length > 0 ? static_cast<size_t>(length) : 0);
  return program.substr(0, program.rfind('/'));
}

// Beside the program, where it is installed; in the build tree; on the linker's path.
void* OpenOperators() {
  const std::string folder = ProgramFolder();
  for (const std::string& path :
       {absl::StrCat(folder, "/", kOperators),
        absl::StrCat(folder, "/../../model/ops/", kOperators), std::string(kOperators)}) {
    if (void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL)) return library;
  }
  return nullptr;
}

// Libraries stay loaded: their kernels are in the dispatcher.
absl::Status LoadLibraries() {
  if (dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat("no CUDA in this LibTorch: ", dlerror()));
  }
  if (OpenOperators() == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat("no CUDA operators: ", dlerror()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> LoadCuda(const std::string& device) {
  int index = -1;
  if (!absl::StartsWith(device, "cuda:") || !absl::SimpleAtoi(device.substr(5), &index) ||
      index < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("device must be \"cpu\" or \"cuda:N\", got \"", device, "\""));
  }
  static const absl::Status* const libraries = new absl::Status(LoadLibraries());
  RADIO_RETURN_IF_ERROR(*libraries);
  const int devices = at::detail::getCUDAHooks().getNumGPUs();
  if (index >= devices) {
    return absl::FailedPreconditionError(
        absl::StrCat(device, ": this machine has ", devices, " usable CUDA devices"));
  }
  return std::string("GPU");
}

}  // namespace radio
