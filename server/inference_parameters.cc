#include "server/inference_parameters.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "model/base/status_macros.h"
#include "model/errors.h"
#include "server/field_error.h"

namespace radio::server {
namespace {

using Parameter = inference::InferParameter;

// One parameter with its place, for messages.
struct Named {
  const std::string& name;
  const Parameter& value;
  const std::string& path;

  absl::Status Error(absl::string_view rule) const {
    // A name of any length may arrive.
    return FieldError(Reason::kRequestInvalid, absl::StrCat(path, "[", name.substr(0, 64), "]"),
                      rule);
  }
};

absl::Status ReadBool(const Named& parameter, bool* value) {
  if (parameter.value.parameter_choice_case() != Parameter::kBoolParam) {
    return parameter.Error("must be a bool");
  }
  *value = parameter.value.bool_param();
  return absl::OkStatus();
}

// Nothing when it is no integer that int64 holds.
std::optional<int64_t> IntegerOf(const Parameter& value) {
  if (value.parameter_choice_case() == Parameter::kInt64Param) return value.int64_param();
  if (value.parameter_choice_case() == Parameter::kUint64Param &&
      value.uint64_param() <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    return static_cast<int64_t>(value.uint64_param());
  }
  return std::nullopt;
}

// `text` is one of `names`: its index.
absl::Status ReadChoice(const Named& parameter, const std::vector<absl::string_view>& names,
                        size_t* index) {
  if (parameter.value.parameter_choice_case() == Parameter::kStringParam) {
    for (size_t i = 0; i < names.size(); ++i) {
      if (names[i] == parameter.value.string_param()) {
        *index = i;
        return absl::OkStatus();
      }
    }
  }
  return parameter.Error(absl::StrCat("must be one of the strings ", absl::StrJoin(names, ", ")));
}

bool ReadPixels(absl::string_view text, int* pixels) {
  return absl::SimpleAtoi(text, pixels) && *pixels > 0;
}

absl::Status ReadResize(const Named& parameter, ResizeOptions* resize) {
  const std::string& text = parameter.value.string_param();
  const std::vector<absl::string_view> parts = absl::StrSplit(text, absl::MaxSplits('=', 1));
  if (text == "none") {
    resize->mode = ResizeMode::kNone;
    return absl::OkStatus();
  }
  if (text == "nearest") {
    resize->mode = ResizeMode::kNearestSupported;
    return absl::OkStatus();
  }
  if (text == "preferred") {
    resize->mode = ResizeMode::kPreferred;
    return absl::OkStatus();
  }
  if (parts.size() == 2 && parts[0] == "shortest" && ReadPixels(parts[1], &resize->shortest_side)) {
    resize->mode = ResizeMode::kShortestSide;
    return absl::OkStatus();
  }
  if (parts.size() == 2 && parts[0] == "exact") {
    const std::vector<absl::string_view> sides = absl::StrSplit(parts[1], 'x');
    if (sides.size() == 2 && ReadPixels(sides[0], &resize->exact.height) &&
        ReadPixels(sides[1], &resize->exact.width)) {
      resize->mode = ResizeMode::kExact;
      return absl::OkStatus();
    }
  }
  return parameter.Error(
      "must be one of the strings none, nearest, preferred, exact=HxW, shortest=N");
}

absl::Status ReadTimeout(const Named& parameter, absl::Duration* timeout) {
  const std::optional<int64_t> microseconds = IntegerOf(parameter.value);
  if (!microseconds || *microseconds < 0) {
    return parameter.Error("must be an integer, microseconds, not negative");
  }
  // Zero means none, as everywhere in the protocol.
  if (*microseconds > 0) *timeout = absl::Microseconds(*microseconds);
  return absl::OkStatus();
}

// A value that leaves the parameter's feature unused: 0, false, "".
bool Unused(const Parameter& value) {
  switch (value.parameter_choice_case()) {
    case Parameter::kBoolParam:
      return !value.bool_param();
    case Parameter::kStringParam:
      return value.string_param().empty();
    case Parameter::kInt64Param:
    case Parameter::kUint64Param:
      return IntegerOf(value) == 0;
    case Parameter::kDoubleParam:
      return false;
    case Parameter::PARAMETER_CHOICE_NOT_SET:
      return true;
  }
  return false;
}

absl::Status CheckNoSharedMemory(const Named& parameter) {
  if (!absl::StartsWith(parameter.name, "shared_memory_")) return absl::OkStatus();
  return parameter.Error("is not offered: tensors travel in the messages");
}

// Whether it was one of the output's options.
absl::StatusOr<bool> ReadOutputOption(const Named& parameter, InferenceOutputOptions* options) {
  constexpr FeatureLayout kLayouts[] = {FeatureLayout::kNlc, FeatureLayout::kNhwc,
                                        FeatureLayout::kNchw};
  constexpr DataType kTypes[] = {DataType::kFloat32, DataType::kFloat16, DataType::kBfloat16};
  size_t index = 0;
  if (parameter.name == "layout") {
    RADIO_RETURN_IF_ERROR(ReadChoice(parameter, {"NLC", "NHWC", "NCHW"}, &index));
    options->layout = kLayouts[index];
  } else if (parameter.name == "datatype") {
    RADIO_RETURN_IF_ERROR(ReadChoice(parameter, {"FP32", "FP16", "BF16"}, &index));
    options->data_type = kTypes[index];
  } else if (parameter.name == "l2_normalize") {
    RADIO_RETURN_IF_ERROR(ReadBool(parameter, &options->l2_normalize));
  } else {
    return false;
  }
  return true;
}

absl::Status ReadRequestOption(const Named& parameter, InferenceOptions* options) {
  RADIO_ASSIGN_OR_RETURN(const bool read, ReadOutputOption(parameter, &options->output));
  if (read) return absl::OkStatus();
  if (parameter.name == "resize") return ReadResize(parameter, &options->resize);
  if (parameter.name == "conditioned") return ReadBool(parameter, &options->conditioned);
  if (parameter.name == "timeout") return ReadTimeout(parameter, &options->timeout);
  if (parameter.name == "triton_enable_empty_final_response") {
    return ReadBool(parameter, &options->mark_final);
  }
  const bool foreign =
      absl::StartsWith(parameter.name, "sequence_") || absl::StartsWith(parameter.name, "triton_");
  if (foreign && !Unused(parameter.value)) return parameter.Error("is not offered");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<InferenceOptions> ReadInferenceParameters(const InferenceParameterMap& parameters,
                                                         InferenceOptions options) {
  const std::string path = "parameters";
  for (const auto& [name, value] : parameters) {
    RADIO_RETURN_IF_ERROR(ReadRequestOption(Named{name, value, path}, &options));
  }
  return options;
}

absl::StatusOr<InferenceOutputOptions> ReadInferenceOutputParameters(
    const InferenceParameterMap& parameters, const std::string& path,
    InferenceOutputOptions options) {
  for (const auto& [name, value] : parameters) {
    const Named parameter{name, value, path};
    RADIO_RETURN_IF_ERROR(CheckNoSharedMemory(parameter));
    RADIO_RETURN_IF_ERROR(ReadOutputOption(parameter, &options).status());
    if (name == "classification" && !Unused(value)) {
      return parameter.Error("is not offered: the outputs are no classes");
    }
  }
  return options;
}

absl::Status CheckInferenceInputParameters(const InferenceParameterMap& parameters,
                                           const std::string& path) {
  for (const auto& [name, value] : parameters) {
    RADIO_RETURN_IF_ERROR(CheckNoSharedMemory(Named{name, value, path}));
  }
  return absl::OkStatus();
}

}  // namespace radio::server
