#include "model/engine/torch/torch_engine.h"

#include <ATen/DeviceAccelerator.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/Device.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/StreamGuard.h>

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "model/base/status_macros.h"
#include "model/engine/output_writer.h"
#include "model/engine/torch/batch_computation.h"
#include "model/engine/torch/batch_memory.h"
#include "model/engine/torch/cuda_support.h"
#include "model/engine/torch/device_streams.h"
#include "model/engine/torch/image_staging.h"
#include "model/engine/torch/output_gather.h"
#include "model/engine/torch/torch_errors.h"
#include "model/engine/torch/torch_model.h"
#include "model/errors.h"
#include "model/ops/cpu_features.h"
#include "model/ops/parallel.h"

namespace radio {
namespace {

std::string PathOf(const std::string& directory, const std::string& file) {
  return absl::StartsWith(file, "/") ? file : absl::StrCat(directory, "/", file);
}

// What the caller promised about a batch; a broken promise would be undefined behaviour further in.
absl::Status CheckBatch(const ModelSpec& spec, absl::Span<const BatchItem> batch) {
  for (size_t i = 0; i < batch.size(); ++i) {
    const auto fail = [i](absl::string_view rule) {
      return MakeError(Reason::kInferenceFailed,
                       absl::StrCat("image ", i, " of the batch: ", rule));
    };
    RADIO_RETURN_IF_ERROR(CheckSupported(spec, batch[i].image->size));
    if (!spec.mixed_sizes && batch[i].image->size != batch[0].image->size) {
      return fail("this model takes images of one size per batch");
    }
    for (const OutputRequest& request : *batch[i].outputs) {
      if (request.adaptor < 0 || request.adaptor >= static_cast<int>(spec.outputs.size())) {
        return fail(absl::StrCat("there is no output ", request.adaptor));
      }
      const AdaptorSpec& output = spec.outputs[static_cast<size_t>(request.adaptor)];
      if ((request.summary && output.summary_dim == 0) ||
          (request.features && output.feature_dim == 0) || request.data_type == DataType::kUint8) {
        return fail(absl::StrCat(output.name, " has no such output"));
      }
    }
  }
  return absl::OkStatus();
}

// Makes `device` usable; its name for people.
absl::StatusOr<std::string> LoadDevice(const std::string& device) {
  if (absl::StartsWith(device, c10::get_privateuse1_backend())) return device;
  RADIO_ASSIGN_OR_RETURN(const std::string name, LoadCuda(device));
  return absl::StrCat(device, " ", name);
}

void ParallelOverRange(int64_t count, absl::FunctionRef<void(int64_t, int64_t)> body) {
  at::parallel_for(0, count, 1, body);
}

}  // namespace

TorchEngine::TorchEngine(const Options& options, const ModelSpec& spec)
    : options_(options), spec_(spec) {}

TorchEngine::~TorchEngine() = default;

absl::StatusOr<std::unique_ptr<Engine>> TorchEngine::Load(const Options& options,
                                                          const ModelSpec& spec) {
  Options complete = options;
  if (complete.intra_op_threads <= 0) {
    complete.intra_op_threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  }
  if (complete.adaptor_files.size() + 1 != spec.outputs.size()) {
    return absl::InvalidArgumentError(absl::StrCat(complete.adaptor_files.size(),
                                                   " adaptor files for ", spec.outputs.size() - 1,
                                                   " adaptors"));
  }
  std::unique_ptr<TorchEngine> engine(new TorchEngine(complete, spec));
  RADIO_RETURN_IF_ERROR(engine->LoadModel());
  return engine;
}

absl::Status TorchEngine::LoadModel() {
  MutexLock lock(&mutex_);
  const std::string& device = options_.device;
  if (device == "cpu") {
    const bool widened = spec_.precision == "bfloat16" && !ops::HasBfloat16Units();
    description_ = absl::StrCat("cpu, ", options_.intra_op_threads, " threads",
                                widened ? ", bfloat16 computed as float32" : "");
  } else {
    RADIO_ASSIGN_OR_RETURN(description_, LoadDevice(device));
  }
  std::vector<std::string> adaptors;
  for (const std::string& file : options_.adaptor_files) {
    adaptors.push_back(PathOf(options_.directory, file));
  }
  const c10::InferenceMode inference;
  at::set_num_threads(options_.intra_op_threads);
  try {
    if (device != "cpu") streams_ = std::make_unique<const DeviceStreams>(c10::Device(device));
    model_ = std::make_unique<TorchModel>(PathOf(options_.directory, options_.backbone_file),
                                          adaptors, c10::Device(device));
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(ShortMessage(error));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<absl::StatusOr<ItemOutputs>>> TorchEngine::Run(
    absl::Span<const BatchItem> batch) {
  if (batch.empty()) return std::vector<absl::StatusOr<ItemOutputs>>();
  RADIO_RETURN_IF_ERROR(CheckBatch(spec_, batch));
  const c10::InferenceMode inference;
  try {
    return streams_ == nullptr ? RunOnCpu(batch) : RunOnDevice(batch);
  } catch (const std::exception& error) {
    const absl::Status status = StatusOf(error, spec_.name);
    if (ReasonOf(status) == Reason::kDeviceError) healthy_.store(false, std::memory_order_relaxed);
    return status;
  }
}

std::vector<absl::StatusOr<ItemOutputs>> TorchEngine::RunOnCpu(absl::Span<const BatchItem> batch) {
  MutexLock lock(&mutex_);
  const BatchMemory memory;
  // Process-wide, but taken up by each thread on its own.
  at::set_num_threads(options_.intra_op_threads);
  const BatchResult result = ComputeBatch(model_.get(), spec_, batch, ViewImages(batch));
  return WriteOutputs(spec_, batch, result.outputs, ParallelOverRange);
}

std::vector<absl::StatusOr<ItemOutputs>> TorchEngine::RunOnDevice(
    absl::Span<const BatchItem> batch) {
  // To the end: what is destroyed on another device would begin to use that one too.
  const c10::DeviceGuard on_device(streams_->device());
  const UploadedImages uploaded = UploadImages(batch, *streams_);
  std::optional<GatheredOutputs> outputs;
  {
    MutexLock lock(&mutex_);
    // As on a CPU: for what a model computes on the host.
    at::set_num_threads(options_.intra_op_threads);
    const c10::StreamGuard guard(streams_->compute);
    uploaded.copied.block(streams_->compute);
    outputs.emplace(spec_, batch, ComputeBatch(model_.get(), spec_, batch, uploaded.images));
    outputs->BeginCopy(*streams_);
  }
  return outputs->Answers();
}

void TorchEngine::ReleaseMemory() {
  if (options_.device == "cpu") return;
  MutexLock lock(&mutex_);
  try {
    at::accelerator::emptyCache();
  } catch (const std::exception&) {
    // The next run says what is wrong with the device.
  }
}

DeviceMemory TorchEngine::device_memory() const {
  if (options_.device == "cpu") return {};
  constexpr auto kAll = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  try {
    const c10::Device device(options_.device);
    const auto stats = c10::getDeviceAllocator(device.type())->getDeviceStats(device.index());
    return {stats.allocated_bytes[kAll].current, stats.reserved_bytes[kAll].current};
  } catch (const std::exception&) {
    return {};
  }
}

}  // namespace radio
