// The core's front door: images in, features out.
#ifndef RADIO_MODEL_FEATURE_EXTRACTOR_H_
#define RADIO_MODEL_FEATURE_EXTRACTOR_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "model/admission.h"
#include "model/base/clock.h"
#include "model/base/thread_pool.h"
#include "model/batching/task.h"
#include "model/metrics_sink.h"
#include "model/model_registry.h"
#include "model/preprocess/preprocessor.h"
#include "model/types.h"

namespace radio {

// Images of one call to one model.
struct ExtractRequest {
  struct Image {
    // The image, or why the edge refused it: then `done` gets that status.
    absl::StatusOr<ImageSource> source;
  };
  std::shared_ptr<const ServedModel> model;
  std::vector<Image> images;
  // Valid for the model; at least one.
  std::vector<OutputRequest> outputs;
  ResizeOptions resize;
  absl::Time deadline = absl::InfiniteFuture();
  // Never null.
  std::shared_ptr<const CancelToken> cancel;
};

struct ItemResult {
  // The outputs in the order of the request's, or the image's own error.
  absl::StatusOr<ItemOutputs> outputs;
  Size source_size;
  Size model_size;
  Timings timings;
};

// Thread-safe.
class FeatureExtractor {
 public:
  struct Options {
    int preprocess_threads = 1;
    int completion_threads = 1;
  };
  // Called once for each image, with its index, on another thread than Extract's or on the same.
  // Must not block.
  using Done = std::function<void(size_t, ItemResult)>;

  // The pointers must outlive the extractor.
  FeatureExtractor(Options options, Preprocessor preprocessor, Admission* admission,
                   const Clock* clock, MetricsSink* metrics);

  // Room for all images of the request, or why there is none (QUEUE_FULL, MEMORY_BUDGET_EXCEEDED,
  // DEADLINE_UNMEETABLE, SERVER_DRAINING): decided from headers and shapes, before any decode. The
  // caller holds the permit until the answer has left the process.
  absl::StatusOr<AdmissionPermit> Admit(const ExtractRequest& request);

  // Never blocks; calls `done` exactly once per image.
  void Extract(ExtractRequest request, Done done);

 private:
  // (filled in by the implementation)
};

}  // namespace radio

#endif  // RADIO_MODEL_FEATURE_EXTRACTOR_H_
