// The seam to any inference runtime. Nothing here knows of a particular one.
#ifndef RADIO_MODEL_ENGINE_ENGINE_H_
#define RADIO_MODEL_ENGINE_ENGINE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "model/types.h"

namespace radio {

// One image of a batch and what is wanted of it. Both pointers stay valid during Run.
struct BatchItem {
  const ImageTensor* image = nullptr;
  const std::vector<OutputRequest>* outputs = nullptr;
};

// Bytes of a device's memory in the hands of the runtime's allocator.
struct DeviceMemory {
  // Holding tensors.
  int64_t allocated = 0;
  // Taken from the device: those, and what is kept for the next ones.
  int64_t reserved = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;

  // Runs the images as one batch; result i belongs to item i. An item whose own output is not
  // finite has NON_FINITE_OUTPUT in its place. A status instead of results (INFERENCE_FAILED,
  // DEVICE_ERROR) means that no item was computed and that nothing is kept of the batch; the engine
  // stays usable unless `healthy` turns false. IsOutOfMemory of it: a smaller batch may pass.
  //
  // Blocks for the whole computation. Thread-safe: the device computes for concurrent calls one
  // after the other, and lets none wait while several that came later are computed: their images
  // have deadlines. Images must have supported sizes, and equal ones where the model's
  // `mixed_sizes` is false; outputs must exist in the spec. Computes only what some item asks for.
  // The results own their memory and may outlive the engine.
  virtual absl::StatusOr<std::vector<absl::StatusOr<ItemOutputs>>> Run(
      absl::Span<const BatchItem> batch) = 0;

  // How many calls of Run are worth making at once. 2 where the ends of a run, staging and answers,
  // are copies that overlap with another's computation; 1 where, as on a CPU, the threads of one
  // run fill the machine. Never changes.
  virtual int overlapping_runs() const { return 1; }

  // Gives memory that is kept for later back to the device, after a run that had too little. May
  // block, also until other runs have ended. Thread-safe.
  virtual void ReleaseMemory() {}

  // False once the device is beyond use. Never blocks.
  virtual bool healthy() const { return true; }

  // Of the device it runs on, which it may share; zeros on a CPU. Makes no call to the device.
  virtual DeviceMemory device_memory() const { return {}; }

  // Where it runs, for people: "cpu, 2 threads", "cuda:0 NVIDIA H100".
  virtual std::string description() const = 0;
};

}  // namespace radio

#endif  // RADIO_MODEL_ENGINE_ENGINE_H_
