#include "model/self_test.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "model/base/status_macros.h"

namespace radio {
namespace {

constexpr double kTolerance = 1e-4;
// Its window attention and convolutions add up in more orders.
constexpr double kEradioTolerance = 1e-3;
constexpr double kMinCosine = 0.999;

double Rms(absl::Span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += double{value} * value;
  return std::sqrt(sum / static_cast<double>(std::max<size_t>(values.size(), 1)));
}

double Cosine(absl::Span<const float> a, absl::Span<const float> b) {
  double dot = 0;
  for (size_t i = 0; i < a.size(); ++i) dot += double{a[i]} * b[i];
  const double norms = Rms(a) * Rms(b) * static_cast<double>(a.size());
  return norms > 0 ? dot / norms : (Rms(a) == Rms(b) ? 1.0 : 0.0);
}

absl::Status Mismatch(absl::string_view what, absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat("self-test: ", what, ": ", why));
}

// The rules for one recorded array; knows the array's scale.
class Comparison {
 public:
  Comparison(const ModelSpec& spec, absl::Span<const float> recorded, int channels)
      : cosine_(spec.precision == "bfloat16"),
        limit_((spec.architecture == "eradio" ? kEradioTolerance : kTolerance) * Rms(recorded)),
        recorded_(recorded),
        channels_(static_cast<size_t>(channels)) {}

  // Compares `tensor` with the recorded values from row `row` on, and moves `row` past them.
  absl::Status Check(absl::string_view what, const OutputTensor& tensor, size_t* row) const {
    const size_t count = tensor.data.data.size() / sizeof(float);
    const size_t begin = *row * channels_;
    if (count % channels_ != 0 || begin + count > recorded_.size()) {
      return Mismatch(what,
                      absl::StrCat(count, " values from row ", *row, " on do not fit the ",
                                   recorded_.size() / channels_, " recorded rows of ", channels_));
    }
    std::vector<float> values(count);
    std::memcpy(values.data(), tensor.data.data.data(), count * sizeof(float));
    *row += count / channels_;
    const absl::Span<const float> expected = recorded_.subspan(begin, count);
    return cosine_ ? CheckCosine(what, values, expected) : CheckDistance(what, values, expected);
  }

  absl::Status CheckAllUsed(absl::string_view what, size_t rows) const {
    if (rows * channels_ == recorded_.size()) return absl::OkStatus();
    return Mismatch(what, absl::StrCat(rows, " rows of ", channels_, " do not fit the ",
                                       recorded_.size(), " recorded values"));
  }

 private:
  absl::Status CheckDistance(absl::string_view what, absl::Span<const float> values,
                             absl::Span<const float> expected) const {
    double largest = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      const double distance = std::abs(double{values[i]} - expected[i]);
      // Not `distance > largest`: NaN must not pass.
      if (!(distance <= largest)) largest = distance;
    }
    if (largest <= limit_) return absl::OkStatus();
    return Mismatch(what, absl::StrCat("differs by ", largest, " from what the exporter recorded, ",
                                       limit_, " is allowed"));
  }

  absl::Status CheckCosine(absl::string_view what, absl::Span<const float> values,
                           absl::Span<const float> expected) const {
    for (size_t begin = 0; begin < values.size(); begin += channels_) {
      const double cosine =
          Cosine(values.subspan(begin, channels_), expected.subspan(begin, channels_));
      if (cosine >= kMinCosine) continue;
      return Mismatch(what,
                      absl::StrCat("row ", begin / channels_, " has cosine ", cosine,
                                   " to what the exporter recorded, ", kMinCosine, " is required"));
    }
    return absl::OkStatus();
  }

  const bool cosine_;
  const double limit_;
  const absl::Span<const float> recorded_;
  const size_t channels_;
};

// Compares one part (summary or features) of one output over all images.
absl::Status ComparePart(const Comparison& comparison, const std::string& what,
                         const std::vector<ItemOutputs>& results, size_t output,
                         std::optional<OutputTensor> Output::*part) {
  size_t row = 0;
  for (const ItemOutputs& item : results) {
    RADIO_RETURN_IF_ERROR(comparison.Check(what, *(item[output].*part), &row));
  }
  return comparison.CheckAllUsed(what, row);
}

absl::Status CompareAll(const ModelSpec& spec, const SelfTest& test,
                        const std::vector<ItemOutputs>& results, absl::string_view how) {
  for (size_t o = 0; o < spec.outputs.size(); ++o) {
    const AdaptorSpec& output = spec.outputs[o];
    if (output.summary_dim > 0) {
      const Comparison comparison(spec, test.outputs[o].summary, output.summary_dim);
      RADIO_RETURN_IF_ERROR(ComparePart(comparison, absl::StrCat(output.name, " summary, ", how),
                                        results, o, &Output::summary));
    }
    if (output.feature_dim > 0) {
      const Comparison comparison(spec, test.outputs[o].features, output.feature_dim);
      RADIO_RETURN_IF_ERROR(ComparePart(comparison, absl::StrCat(output.name, " features, ", how),
                                        results, o, &Output::features));
    }
  }
  return absl::OkStatus();
}

// Runs `items` as one batch and appends their results.
absl::Status RunItems(Engine* engine, absl::Span<const BatchItem> items,
                      std::vector<ItemOutputs>* results) {
  RADIO_ASSIGN_OR_RETURN(std::vector<absl::StatusOr<ItemOutputs>> outputs, engine->Run(items));
  for (absl::StatusOr<ItemOutputs>& output : outputs) {
    RADIO_RETURN_IF_ERROR(output.status());
    results->push_back(*std::move(output));
  }
  return absl::OkStatus();
}

std::vector<OutputRequest> RequestEverything(const ModelSpec& spec) {
  std::vector<OutputRequest> requests;
  for (size_t o = 0; o < spec.outputs.size(); ++o) {
    OutputRequest request;
    request.adaptor = static_cast<int>(o);
    request.summary = spec.outputs[o].summary_dim > 0;
    request.features = spec.outputs[o].feature_dim > 0;
    requests.push_back(request);
  }
  return requests;
}

}  // namespace

absl::Status RunSelfTest(Engine* engine, const ModelSpec& spec, const SelfTest& test) {
  if (test.outputs.size() != spec.outputs.size()) {
    return Mismatch("outputs", absl::StrCat(test.outputs.size(), " are recorded for ",
                                            spec.outputs.size(), " of the model"));
  }
  const std::vector<OutputRequest> requests = RequestEverything(spec);
  std::vector<ImageTensor> images;
  for (const SelfTest::Image& image : test.images) {
    images.push_back({DataType::kUint8, image.size, /*conditioned=*/false, image.pixels});
  }
  std::vector<BatchItem> items;
  for (const ImageTensor& image : images) items.push_back({&image, &requests});

  std::vector<ItemOutputs> together;
  RADIO_RETURN_IF_ERROR(RunItems(engine, items, &together));
  RADIO_RETURN_IF_ERROR(CompareAll(spec, test, together, "images in one batch"));

  std::vector<ItemOutputs> alone;
  for (const BatchItem& item : items) RADIO_RETURN_IF_ERROR(RunItems(engine, {&item, 1}, &alone));
  return CompareAll(spec, test, alone, "images one by one");
}

}  // namespace radio
