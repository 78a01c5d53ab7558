// The engine that runs exported artefacts (docs/artefacts.md) through LibTorch. This header
// includes nothing of it.
//
//   TorchEngine::Options options;
//   options.directory = "/models/radio";
//   options.adaptor_files = {"adaptor_clip.pt"};
//   RADIO_ASSIGN_OR_RETURN(std::unique_ptr<Engine> engine, TorchEngine::Load(options, spec));
#ifndef RADIO_MODEL_ENGINE_TORCH_TORCH_ENGINE_H_
#define RADIO_MODEL_ENGINE_TORCH_TORCH_ENGINE_H_

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "model/base/mutex.h"
#include "model/engine/engine.h"
#include "model/model_spec.h"

namespace radio {

struct DeviceStreams;
class TorchModel;

class TorchEngine : public Engine {
 public:
  struct Options {
    // The artefact's folder. File names below are relative to it, unless they begin with a slash.
    std::string directory;
    std::string backbone_file = "backbone.pt";
    // One per adaptor, in the order of the spec's outputs after the backbone.
    std::vector<std::string> adaptor_files;
    // "cpu", "cuda:N", or a device that the process has registered with LibTorch as its
    // PrivateUse1 backend.
    std::string device = "cpu";
    // Threads of one operator on the CPU; 0: as many as there are cores.
    int intra_op_threads = 0;
  };

  // Reads the modules and moves them to the device. Blocks for as long as that takes. Files and
  // spec are trusted: their checksums have been compared. INVALID_ARGUMENT: a file is missing,
  // broken or does not fit; FAILED_PRECONDITION: the device is not there. Run RunSelfTest
  // (model/self_test.h) before the first request.
  static absl::StatusOr<std::unique_ptr<Engine>> Load(const Options& options,
                                                      const ModelSpec& spec);

  ~TorchEngine() override;

  absl::StatusOr<std::vector<absl::StatusOr<ItemOutputs>>> Run(
      absl::Span<const BatchItem> batch) override;
  void ReleaseMemory() override;
  DeviceMemory device_memory() const override;
  bool healthy() const override { return healthy_.load(std::memory_order_relaxed); }
  std::string description() const override { return description_; }
  // Two on a device: staging and answers of one batch beside the computation of another.
  int overlapping_runs() const override { return streams_ == nullptr ? 1 : 2; }

 private:
  TorchEngine(const Options& options, const ModelSpec& spec);

  absl::Status LoadModel();
  // Both throw.
  std::vector<absl::StatusOr<ItemOutputs>> RunOnCpu(absl::Span<const BatchItem> batch);
  std::vector<absl::StatusOr<ItemOutputs>> RunOnDevice(absl::Span<const BatchItem> batch);

  const Options options_;
  const ModelSpec spec_;
  std::string description_;
  std::atomic<bool> healthy_{true};
  // Null on a CPU.
  std::unique_ptr<const DeviceStreams> streams_;
  // On a device it is held while a batch's work is handed to the compute stream, which does it in
  // that order: the next batch's stands behind it by the time that it is done.
  Mutex mutex_;
  std::unique_ptr<TorchModel> model_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace radio

#endif  // RADIO_MODEL_ENGINE_TORCH_TORCH_ENGINE_H_
