// The core's front door: images in, features out.
#ifndef RADIO_MODEL_FEATURE_EXTRACTOR_H_
#define RADIO_MODEL_FEATURE_EXTRACTOR_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "model/admission.h"
#include "model/base/clock.h"
#include "model/base/thread_pool.h"
#include "model/batching/task.h"
#include "model/metrics_sink.h"
#include "model/model_registry.h"
#include "model/preprocess/preprocessor.h"
#include "model/quarantine.h"
#include "model/types.h"

namespace radio {

// Images of one call to one model.
struct ExtractRequest {
  // Never null.
  std::shared_ptr<const ServedModel> model;
  // Each image, or why the edge refused it: then that status is its result.
  std::vector<absl::StatusOr<ImageSource>> images;
  // Valid for the model; at least one.
  std::vector<OutputRequest> outputs;
  ResizeOptions resize;
  // Whose call it is: calls of one client share its part of the server.
  ClientId client = 0;
  // 0 is served first, greater numbers give way to it.
  int priority = 0;
  // On the extractor's clock.
  absl::Time deadline = absl::InfiniteFuture();
  // Never null.
  std::shared_ptr<const CancelToken> cancel;
};

struct ItemResult {
  // In the order of the request's outputs, or the image's own error.
  absl::StatusOr<ItemOutputs> outputs;
  // Zero where the image failed before it was known.
  Size source_size;
  Size model_size;
  Timings timings;
};

// Thread-safe.
class FeatureExtractor {
 public:
  // Called once for each image, with its index in the request; on any thread, the caller's
  // included. Must not block.
  using Done = std::function<void(size_t, ItemResult)>;
  // What the extractor works with; all must outlive it. Without a quarantine every image is tried.
  struct Parts {
    Admission* admission;
    ThreadPool* preprocess;
    const Clock* clock;
    MetricsSink* metrics;
    Quarantine* quarantine = nullptr;
  };

  FeatureExtractor(Preprocessor preprocessor, Parts parts)
      : preprocessor_(preprocessor), parts_(parts) {}

  // Room for all images of the request, or why there is none (see Admission::Admit): decided from
  // headers and shapes, before any pixel is decoded. Whoever gets the permit holds it until the
  // answer has left the process.
  absl::StatusOr<AdmissionPermit> Admit(const ExtractRequest& request);

  // Never blocks; calls `done` exactly once per image.
  void Extract(ExtractRequest request, Done done);

 private:
  struct Call;
  struct Item;

  // Pixels that the model will see of an image, or why it will see none.
  absl::StatusOr<Size> PlannedSize(const ExtractRequest& request,
                                   const absl::StatusOr<ImageSource>& image) const;
  void Prepare(const std::shared_ptr<Item>& item);
  void Submit(const std::shared_ptr<Item>& item, ImageTensor tensor);
  void Finish(const Item& item, absl::StatusOr<ItemOutputs> outputs);

  const Preprocessor preprocessor_;
  const Parts parts_;
};

}  // namespace radio

#endif  // RADIO_MODEL_FEATURE_EXTRACTOR_H_
