#include "model/engine/torch/torch_errors.h"

#include <c10/util/Exception.h>

#include <new>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "model/errors.h"

namespace radio {
namespace {

constexpr size_t kMaxLength = 400;

bool IsOutOfMemory(const std::exception& error, absl::string_view message) {
  return dynamic_cast<const std::bad_alloc*>(&error) != nullptr ||
         dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr ||
         absl::StrContains(message, "out of memory") ||
         absl::StrContains(message, "can't allocate memory") ||
         absl::StrContains(message, "std::bad_alloc");
}

// After one of these every later call fails too: the CUDA context is gone.
bool IsDeviceLost(absl::string_view message) {
  return absl::StrContains(message, "CUDA error:") ||
         absl::StrContains(message, "CUDNN_STATUS_EXECUTION_FAILED") ||
         absl::StrContains(message, "CUBLAS_STATUS_EXECUTION_FAILED");
}

}  // namespace

std::string ShortMessage(const std::exception& error) {
  const auto* c10_error = dynamic_cast<const c10::Error*>(&error);
  absl::string_view text =
      c10_error != nullptr ? c10_error->what_without_backtrace() : error.what();
  // TorchScript: "The following operation failed ...", a traceback, "RuntimeError: <message>".
  const size_t raised = text.rfind("Error: ");
  if (absl::StrContains(text, "Traceback of TorchScript") && raised != absl::string_view::npos) {
    text.remove_prefix(raised + sizeof("Error: ") - 1);
  }
  text = text.substr(0, text.find("\nException raised from"));
  text = absl::StripAsciiWhitespace(text).substr(0, kMaxLength);
  return absl::StrReplaceAll(text, {{"\n", " "}});
}

absl::Status StatusOf(const std::exception& error, absl::string_view what) {
  const std::string message = ShortMessage(error);
  const bool out_of_memory = IsOutOfMemory(error, message);
  const Reason reason =
      !out_of_memory && IsDeviceLost(message) ? Reason::kDeviceError : Reason::kInferenceFailed;
  absl::Status status = MakeError(reason, absl::StrCat(what, ": ", message));
  if (out_of_memory) SetOutOfMemory(&status);
  return status;
}

}  // namespace radio
