#include "client/cli/class_embeddings.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/files.h"
#include "client/npy_reader.h"
#include "model/base/status_macros.h"

namespace radio::client {
namespace {

using Arrays = std::map<std::string, NpyArray>;

absl::StatusOr<Arrays> ReadArrays(const std::string& path) {
  RADIO_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path));
  if (absl::EndsWith(path, ".npz")) return ParseNpz(bytes);
  RADIO_ASSIGN_OR_RETURN(NpyArray array, ParseNpy(bytes));
  Arrays arrays;
  arrays["embeddings"] = std::move(array);
  return arrays;
}

float Norm(absl::Span<const float> vector) {
  double sum = 0;
  for (float value : vector) sum += static_cast<double>(value) * value;
  return static_cast<float>(std::sqrt(sum));
}

absl::Status Normalise(ClassEmbeddings* classes) {
  for (size_t i = 0; i < classes->names.size(); ++i) {
    const auto vector =
        absl::MakeSpan(classes->vectors).subspan(i * classes->channels, classes->channels);
    const float norm = Norm(vector);
    if (!(norm > 0) || !std::isfinite(norm)) {
      return absl::InvalidArgumentError(
          absl::StrCat("embeddings[", i, "]: must be finite and not zero"));
    }
    for (float& value : vector) value /= norm;
  }
  return absl::OkStatus();
}

absl::StatusOr<ClassEmbeddings> ToClasses(Arrays arrays) {
  NpyArray& embeddings = arrays["embeddings"];
  if (embeddings.shape.size() != 2 || embeddings.numbers.empty()) {
    return absl::InvalidArgumentError("embeddings: must be a [classes, C] array of floats");
  }
  ClassEmbeddings classes;
  classes.channels = embeddings.shape[1];
  classes.vectors = std::move(embeddings.numbers);
  classes.names = std::move(arrays["names"].texts);
  if (classes.names.empty()) {
    for (int64_t i = 0; i < embeddings.shape[0]; ++i) classes.names.push_back(absl::StrCat(i));
  }
  if (static_cast<int64_t>(classes.names.size()) != embeddings.shape[0]) {
    return absl::InvalidArgumentError(absl::StrCat("names: there are ", classes.names.size(),
                                                   " for ", embeddings.shape[0], " embeddings"));
  }
  if (!arrays["space"].texts.empty()) classes.space = arrays["space"].texts[0];
  RADIO_RETURN_IF_ERROR(Normalise(&classes));
  return classes;
}

}  // namespace

std::vector<std::pair<std::string, float>> ClassEmbeddings::Nearest(absl::Span<const float> summary,
                                                                    size_t top) const {
  const float norm = Norm(summary);
  std::vector<float> cosines(names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    const double product = std::inner_product(
        summary.begin(), summary.end(), vectors.begin() + static_cast<int64_t>(i) * channels, 0.0);
    cosines[i] = static_cast<float>(product / norm);
  }
  std::vector<size_t> order(names.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&cosines](size_t a, size_t b) { return cosines[a] > cosines[b]; });
  std::vector<std::pair<std::string, float>> nearest;
  for (size_t i = 0; i < std::min(top, order.size()); ++i) {
    nearest.emplace_back(names[order[i]], cosines[order[i]]);
  }
  return nearest;
}

absl::StatusOr<ClassEmbeddings> ReadClassEmbeddings(const std::string& path) {
  RADIO_ASSIGN_OR_RETURN(Arrays arrays, ReadArrays(path));
  auto classes = ToClasses(std::move(arrays));
  if (classes.ok()) return classes;
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", classes.status().message()));
}

}  // namespace radio::client
