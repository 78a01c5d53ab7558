#include "model/feature_extractor.h"

#include <utility>
#include <variant>

#include "model/errors.h"

namespace radio {
namespace {

const Bytes& BytesOf(const ImageSource& image) {
  if (const auto* encoded = std::get_if<EncodedImage>(&image)) return encoded->bytes;
  if (const auto* planar = std::get_if<PlanarImage>(&image)) return planar->pixels;
  return std::get<ImageTensor>(image).pixels;
}

int64_t SourceBytes(const absl::StatusOr<ImageSource>& image) {
  return image.ok() ? static_cast<int64_t>(BytesOf(*image).data.size()) : 0;
}

// Bytes of the answer to one image of `grid` tokens.
int64_t ResponseBytes(const ModelSpec& spec, const std::vector<OutputRequest>& outputs, Size grid) {
  int64_t bytes = 0;
  for (const OutputRequest& output : outputs) {
    const AdaptorSpec& adaptor = spec.outputs[output.adaptor];
    const int64_t tokens =
        int64_t{grid.height} * grid.width * adaptor.upsample_factor * adaptor.upsample_factor;
    const int64_t values = (output.summary ? adaptor.summary_dim : 0) +
                           (output.features ? tokens * adaptor.feature_dim : 0);
    bytes += values * static_cast<int64_t>(ElementSize(output.data_type));
  }
  return bytes;
}

}  // namespace

// What the images of a call share.
struct FeatureExtractor::Call {
  std::shared_ptr<const ServedModel> model;
  std::vector<OutputRequest> outputs;
  ResizeOptions resize;
  ClientId client;
  int priority;
  absl::Time deadline;
  std::shared_ptr<const CancelToken> cancel;
  Done done;
};

// One image of a call, until its result is handed over.
struct FeatureExtractor::Item {
  std::shared_ptr<const Call> call;
  size_t index = 0;
  absl::StatusOr<ImageSource> source;
  absl::Time received;
  std::unique_ptr<PendingCost> pending;
  Size source_size;
  Size model_size;
  Timings timings;
};

absl::StatusOr<AdmissionPermit> FeatureExtractor::Admit(const ExtractRequest& request) {
  const ServedModel& model = *request.model;
  Admission::Demand demand;
  demand.client = request.client;
  demand.items = static_cast<int>(request.images.size());
  demand.batch_cost = model.queue().limits().max_cost;
  demand.batch_images = model.queue().limits().max_images;
  demand.time_left = request.deadline - parts_.clock->Now();
  for (const absl::StatusOr<ImageSource>& image : request.images) {
    demand.bytes += SourceBytes(image);
    const absl::StatusOr<Size> size = PlannedSize(request, image);
    if (!size.ok()) continue;
    demand.cost += model.cost_model().CostOf(*size);
    demand.bytes += ResponseBytes(model.spec(), request.outputs, model.spec().GridOf(*size));
  }
  parts_.metrics->ImagesReceived(model.spec().name, demand.items);
  absl::StatusOr<AdmissionPermit> permit = parts_.admission->Admit(model.load(), demand);
  if (!permit.ok()) {
    for (int i = 0; i < demand.items; ++i) {
      parts_.metrics->ImageFinished(model.spec().name, OutcomeOf(permit.status()),
                                    ReasonOf(permit.status()), Timings{});
    }
  }
  return permit;
}

absl::StatusOr<Size> FeatureExtractor::PlannedSize(const ExtractRequest& request,
                                                   const absl::StatusOr<ImageSource>& image) const {
  if (!image.ok()) return image.status();
  absl::StatusOr<Size> source = SourceSize(*image, preprocessor_.limits());
  if (!source.ok()) return source.status();
  return PlanResize(request.model->spec(), *source, request.resize);
}

void FeatureExtractor::Extract(ExtractRequest request, Done done) {
  const absl::Time now = parts_.clock->Now();
  std::vector<absl::StatusOr<ImageSource>> images = std::move(request.images);
  auto call = std::make_shared<const Call>(Call{request.model, request.outputs, request.resize,
                                                request.client, request.priority, request.deadline,
                                                request.cancel, std::move(done)});
  for (size_t i = 0; i < images.size(); ++i) {
    auto item = std::make_shared<Item>();
    item->call = call;
    item->index = i;
    item->received = now;
    const absl::StatusOr<Size> size = PlannedSize(request, images[i]);
    if (size.ok()) {
      item->pending = std::make_unique<PendingCost>(&call->model->load(), call->client,
                                                    call->model->cost_model().CostOf(*size));
    }
    item->source = std::move(images[i]);
    parts_.preprocess->Schedule([this, item = std::move(item)]() { Prepare(item); });
  }
}

void FeatureExtractor::Prepare(const std::shared_ptr<Item>& item) {
  const Call& call = *item->call;
  if (call.cancel->expired() || call.deadline <= parts_.clock->Now()) {
    return Finish(*item, MakeError(Reason::kExpiredInQueue, "the deadline passed before decoding"));
  }
  if (call.cancel->cancelled()) return Finish(*item, absl::CancelledError("the caller went away"));
  if (!item->source.ok()) return Finish(*item, item->source.status());
  if (parts_.quarantine != nullptr) {
    absl::Status checked =
        parts_.quarantine->Check(call.model->spec().name, BytesOf(*item->source));
    if (!checked.ok()) return Finish(*item, std::move(checked));
  }
  absl::StatusOr<PreparedImage> prepared =
      preprocessor_.Prepare(call.model->spec(), *item->source, call.resize);
  item->timings.preprocess = parts_.clock->Now() - item->received;
  if (!prepared.ok()) return Finish(*item, prepared.status());
  item->source_size = prepared->source_size;
  item->model_size = prepared->tensor.size;
  // Else the bytes are needed once more should the model fail on them.
  if (parts_.quarantine == nullptr) item->source = absl::StatusOr<ImageSource>(EncodedImage{});
  Submit(item, std::move(prepared->tensor));
}

void FeatureExtractor::Submit(const std::shared_ptr<Item>& item, ImageTensor tensor) {
  const Call& call = *item->call;
  Task::Work work;
  const ModelSpec& spec = call.model->spec();
  work.cost = call.model->cost_model().CostOf(tensor.size);
  work.bytes = static_cast<int64_t>(tensor.pixels.data.size()) +
               ResponseBytes(spec, call.outputs, spec.GridOf(tensor.size));
  work.priority = call.priority;
  work.client = call.client;
  work.image = std::move(tensor);
  work.outputs = call.outputs;
  work.deadline = call.deadline;
  work.cancel = call.cancel;
  auto task = std::make_unique<Task>(std::move(work), [this, item](Task::Result result) {
    item->timings.queue = result.queue;
    item->timings.inference = result.inference;
    if (parts_.quarantine != nullptr) {
      parts_.quarantine->Record(item->call->model->spec().name, BytesOf(*item->source),
                                result.outputs.status());
    }
    Finish(*item, std::move(result.outputs));
  });
  if (absl::Status submitted = call.model->queue().Submit(task); !submitted.ok()) {
    task->Complete(std::move(submitted));
  }
}

void FeatureExtractor::Finish(const Item& item, absl::StatusOr<ItemOutputs> outputs) {
  const Call& call = *item.call;
  const absl::Status status = outputs.status();
  parts_.metrics->ImageFinished(call.model->spec().name, OutcomeOf(status), ReasonOf(status),
                                item.timings);
  call.done(item.index,
            ItemResult{std::move(outputs), item.source_size, item.model_size, item.timings});
}

}  // namespace radio
