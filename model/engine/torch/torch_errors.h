// Exceptions of LibTorch as statuses.
#ifndef RADIO_MODEL_ENGINE_TORCH_TORCH_ERRORS_H_
#define RADIO_MODEL_ENGINE_TORCH_TORCH_ERRORS_H_

#include <exception>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace radio {

// What went wrong, on one line: without the C++ stack and without the TorchScript traceback.
std::string ShortMessage(const std::exception& error);

// INFERENCE_FAILED, marked as out of memory where it is (see model/errors.h), or DEVICE_ERROR when
// the device can no longer be used. TorchScript's interpreter rethrows everything as
// std::runtime_error, so the kind is read from the message.
absl::Status StatusOf(const std::exception& error, absl::string_view what);

}  // namespace radio

#endif  // RADIO_MODEL_ENGINE_TORCH_TORCH_ERRORS_H_
