#include "model/batching/budget_probe.h"

#include <algorithm>
#include <utility>

#include "model/errors.h"

namespace radio {
namespace {

double RateOf(const BudgetSample& sample) {
  return sample.cost / std::max(absl::ToDoubleSeconds(sample.duration), 1e-9);
}

}  // namespace

double ChooseBudget(absl::Span<const BudgetSample> samples, double min_cost,
                    const BudgetProbeOptions& options) {
  double best_rate = 0;
  for (const BudgetSample& sample : samples) {
    if (sample.duration <= options.max_batch_time) best_rate = std::max(best_rate, RateOf(sample));
  }
  for (const BudgetSample& sample : samples) {
    if (sample.duration > options.max_batch_time) continue;
    if (RateOf(sample) >= best_rate * (1 - options.tolerance)) {
      return std::max(min_cost, sample.cost);
    }
  }
  return min_cost;
}

absl::StatusOr<MeasuredBudget> MeasureBudget(Engine* engine, const ModelSpec& spec,
                                             const Clock& clock,
                                             const BudgetProbeOptions& options) {
  ImageTensor image;
  image.size = spec.preferred;
  image.pixels = Bytes::Own(
      std::vector<uint8_t>(static_cast<size_t>(image.size.height) * image.size.width * 3, 128));
  const std::vector<OutputRequest> outputs = {OutputRequest{0, true, true}};
  const double image_cost = CostModel(spec).CostOf(image.size);

  MeasuredBudget measured;
  const absl::Time start = clock.Now();
  absl::Duration last;
  for (size_t images = 1; static_cast<double>(images) * image_cost <= options.max_cost;
       images *= 2) {
    // Two runs, each twice as long as the last one.
    if (clock.Now() - start + 4 * last > options.time_limit) break;
    const std::vector<BatchItem> batch(images, BatchItem{&image, &outputs});
    bool fits = true;
    for (int run = 0; run < 2 && fits; ++run) {
      const absl::Time begin = clock.Now();
      const absl::Status status = engine->Run(batch).status();
      last = clock.Now() - begin;
      fits = !IsOutOfMemory(status);
      if (fits && !status.ok()) return status;
    }
    if (!fits) {
      engine->ReleaseMemory();
      break;
    }
    measured.samples.push_back({static_cast<double>(images) * image_cost, last});
    if (last > options.max_batch_time) break;
  }
  measured.max_cost = ChooseBudget(measured.samples, options.min_images * image_cost, options);
  return measured;
}

}  // namespace radio
