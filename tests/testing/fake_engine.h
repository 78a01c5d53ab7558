// An engine without a model: its outputs are simple functions of the pixels, its failures are the
// test's to order.
#ifndef RADIO_TESTS_TESTING_FAKE_ENGINE_H_
#define RADIO_TESTS_TESTING_FAKE_ENGINE_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "model/base/mutex.h"
#include "model/engine/engine.h"
#include "model/model_spec.h"

namespace radio {

// Thread-safe. Summary and features of an image are filled with its first pixel value (a byte)
// divided by 255.
class FakeEngine : public Engine {
 public:
  // Called at the start of each Run, on the worker's thread, with the batch; a status other than OK
  // is the run's result.
  using Hook = std::function<absl::Status(absl::Span<const BatchItem>)>;

  explicit FakeEngine(ModelSpec spec, Hook hook = nullptr, int overlapping_runs = 1)
      : spec_(std::move(spec)), hook_(std::move(hook)), overlapping_runs_(overlapping_runs) {}

  absl::StatusOr<std::vector<absl::StatusOr<ItemOutputs>>> Run(
      absl::Span<const BatchItem> batch) override;
  int overlapping_runs() const override { return overlapping_runs_; }
  void ReleaseMemory() override {
    MutexLock lock(&mutex_);
    ++releases_;
  }
  DeviceMemory device_memory() const override { return {1000, 2000}; }
  std::string description() const override { return "fake"; }

  // Images of each Run so far, in order.
  std::vector<int> batch_sizes() const;
  // Calls of ReleaseMemory so far.
  int releases() const {
    MutexLock lock(&mutex_);
    return releases_;
  }

 private:
  ItemOutputs OutputsOf(const BatchItem& item) const;

  const ModelSpec spec_;
  const Hook hook_;
  const int overlapping_runs_;
  mutable Mutex mutex_;
  std::vector<int> batch_sizes_ ABSL_GUARDED_BY(mutex_);
  int releases_ ABSL_GUARDED_BY(mutex_) = 0;
};

// A spec of a small mixed-size model: patch 16, sides up to 1024, backbone of 8 channels, adaptor
// "clip" of 4 and 6, adaptor "sam" without a summary.
ModelSpec TestSpec(const std::string& name = "m");

// An image of `size` whose every byte is `value`.
ImageTensor TestImage(Size size, uint8_t value = 0);

}  // namespace radio

#endif  // RADIO_TESTS_TESTING_FAKE_ENGINE_H_
