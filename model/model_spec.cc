#include "model/model_spec.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/errors.h"

namespace radio {

int NearestSupportedSide(const ModelSpec& spec, double side) {
  // nearbyint rounds halves to even in the default rounding mode, as Python's round() does.
  const double steps = std::nearbyint(side / spec.resolution_step);
  const int largest = std::max(spec.max_resolution / spec.resolution_step, 1);
  return spec.resolution_step *
         static_cast<int>(std::clamp(steps, 1.0, static_cast<double>(largest)));
}

Size NearestSupportedSize(const ModelSpec& spec, Size size) {
  return {NearestSupportedSide(spec, size.height), NearestSupportedSide(spec, size.width)};
}

absl::Status CheckSupported(const ModelSpec& spec, Size size) {
  const auto describe = [&](absl::string_view rule) {
    const Size nearest = NearestSupportedSize(spec, size);
    return MakeError(
        Reason::kResolutionUnsupported,
        absl::StrCat(size.height, " x ", size.width, ": ", rule, "; nearest supported size is ",
                     nearest.height, " x ", nearest.width));
  };
  for (const int side : {size.height, size.width}) {
    if (side <= 0 || side % spec.resolution_step != 0) {
      return describe(
          absl::StrCat("side ", side, " is not a positive multiple of ", spec.resolution_step));
    }
    if (side > spec.max_resolution) {
      return describe(absl::StrCat("side ", side, " is longer than ", spec.max_resolution));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<int> FindOutput(const ModelSpec& spec, absl::string_view name) {
  if (name.empty()) return 0;
  for (size_t i = 0; i < spec.outputs.size(); ++i) {
    if (spec.outputs[i].name == name) return static_cast<int>(i);
  }
  const std::string names =
      absl::StrJoin(spec.outputs, ",",
                    [](std::string* out, const AdaptorSpec& a) { absl::StrAppend(out, a.name); });
  absl::Status status =
      MakeError(Reason::kAdaptorNotFound, absl::StrCat("model ", spec.name, " has no adaptor \"",
                                                       name.substr(0, 64), "\"; it has: ", names));
  SetValidNames(&status, names);
  return status;
}

}  // namespace radio
