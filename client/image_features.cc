#include "client/image_features.h"

#include "absl/strings/str_cat.h"
#include "client/errors.h"

namespace radio::client {
namespace {

const v1::Output* Find(const v1::ImageResult& result, absl::string_view adaptor, bool summary) {
  for (const v1::Output& output : result.outputs()) {
    if (output.adaptor() != adaptor) continue;
    if (summary ? output.has_summary() : output.has_features()) return &output;
  }
  return nullptr;
}

}  // namespace

absl::StatusOr<TensorView> ImageFeatures::Summary(absl::string_view adaptor) const {
  const v1::Output* output = Find(*result_, adaptor, /*summary=*/true);
  if (output == nullptr) {
    return absl::NotFoundError(absl::StrCat("the answer holds no summary of ", adaptor));
  }
  return TensorView::Of(output->summary());
}

absl::StatusOr<TensorView> ImageFeatures::Features(absl::string_view adaptor) const {
  const v1::Output* output = Find(*result_, adaptor, /*summary=*/false);
  if (output == nullptr) {
    return absl::NotFoundError(absl::StrCat("the answer holds no features of ", adaptor));
  }
  return TensorView::Of(output->features());
}

absl::StatusOr<ImageFeatures> ToImageFeatures(std::shared_ptr<const v1::ImageResult> result) {
  if (result->status().code() != 0) return ToStatus(result->status());
  return ImageFeatures(std::move(result));
}

}  // namespace radio::client
