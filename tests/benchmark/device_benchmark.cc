// device_benchmark --artefact=DIR --device=cuda:0: what the engine reaches on a device with runs
// that overlap, in images per second and of the device's own rate of matrix products.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "model/batching/budget_probe.h"
#include "model/batching/cost_model.h"
#include "model/engine/torch/runtime_environment.h"
#include "tests/benchmark/device_gaps.h"
#include "tests/benchmark/figures.h"
#include "tests/benchmark/loaded_model.h"
#include "tests/benchmark/machine_load.h"
#include "tests/benchmark/model_work.h"
#include "tests/benchmark/noise_batch.h"

ABSL_FLAG(std::string, artefact, "", "folder of an exported ViT model");
ABSL_FLAG(std::string, device, "cuda:0", "cuda:N; or cpu, to see that the program runs");
ABSL_FLAG(double, batch_cost, 0, "cost of a full batch; 0: as the server measures it at its start");
ABSL_FLAG(double, seconds, 5, "for each rate");
ABSL_FLAG(std::string, json, "", "also write the figures to this file");

namespace radio {
namespace {

constexpr int kSquares[] = {224, 432, 512, 768, 1024};
// Pixels a side of random sizes.
constexpr int kLongest = 1024;
constexpr int kBatches = 4;

class DeviceBenchmark {
 public:
  DeviceBenchmark(Engine* engine, c10::Device device, const ModelSpec& spec, ModelWork work,
                  Figures* figures)
      : engine_(engine),
        device_(device),
        spec_(spec),
        cost_model_(spec),
        work_(std::move(work)),
        figures_(figures) {}

  void Run() {
    ChooseBatchCost();
    const int64_t rows = static_cast<int64_t>(batch_cost_);
    ceiling_ = MatmulCeiling(work_, rows, device_,
                             static_cast<int>(std::thread::hardware_concurrency()), 3, WallSeconds);
    figures_->Add("ceiling_tflops", ceiling_ / 1e12, absl::StrFormat("%d rows", rows));
    MeasureSquares();
    MeasureMix();
    MeasureBatchPerSize();
    MeasureOneImage();
    MeasureUnseenSizes();
    MeasureMemory();
  }

 private:
  struct Rate {
    double images = 0;
    double flops = 0;
  };

  Size Square(int side) const { return NearestSupportedSize(spec_, {side, side}); }

  double FlopsOf(Size size) const { return work_.FlopsOf(TokensOf(spec_, size)); }

  void ChooseBatchCost() {
    batch_cost_ = absl::GetFlag(FLAGS_batch_cost);
    if (batch_cost_ <= 0) {
      const auto measured = MeasureBudget(engine_, spec_, *Clock::Real(), {});
      if (!measured.ok()) {
        std::fprintf(stderr, "%s\n", measured.status().ToString().c_str());
        std::exit(1);
      }
      batch_cost_ = measured->max_cost;
    }
    figures_->Add("batch_cost", batch_cost_, "token equivalents");
  }

  // All of `sizes`, as often as a full batch holds them; at least once.
  std::vector<Size> FullBatch(const std::vector<Size>& sizes) const {
    double cost = 0;
    for (const Size size : sizes) cost += cost_model_.CostOf(size);
    std::vector<Size> batch;
    for (int round = std::max(1, static_cast<int>(batch_cost_ / cost)); round > 0; --round) {
      batch.insert(batch.end(), sizes.begin(), sizes.end());
    }
    return batch;
  }

  // Batches of `sizes` that take turns, so that no two in a row are equal; each has been run.
  std::vector<NoiseBatch> Prepare(const std::vector<Size>& sizes) {
    std::vector<NoiseBatch> batches;
    for (int i = 0; i < kBatches; ++i) {
      batches.emplace_back(sizes, random_).TimeRun(engine_, WallSeconds);
    }
    return batches;
  }

  // Batches per second of `callers` threads that run them one after the other.
  double Saturate(const std::vector<NoiseBatch>& batches, int callers) const {
    const double start = WallSeconds();
    const double end = start + absl::GetFlag(FLAGS_seconds);
    std::atomic<int> runs = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < callers; ++t) {
      threads.emplace_back([&] {
        while (WallSeconds() < end) batches[runs++ % kBatches].TimeRun(engine_, WallSeconds);
      });
    }
    for (std::thread& thread : threads) thread.join();
    return runs / (WallSeconds() - start);
  }

  Rate RateOf(double batches_per_second, const std::vector<Size>& sizes) const {
    double flops = 0;
    for (const Size size : sizes) flops += FlopsOf(size);
    return {batches_per_second * static_cast<double>(sizes.size()), batches_per_second * flops};
  }

  // With as many callers as are worth it.
  Rate FullRate(const std::vector<Size>& sizes) {
    return RateOf(Saturate(Prepare(sizes), engine_->overlapping_runs()), sizes);
  }

  void MeasureSquares() {
    for (const int side : kSquares) {
      const Size size = Square(side);
      const Rate rate = FullRate(FullBatch({size}));
      seconds_of_.push_back(1 / rate.images);
      figures_->Add(absl::StrCat("square_", side, "_images_per_second"), rate.images,
                    absl::StrFormat("%.2f of the ceiling", rate.flops / ceiling_));
    }
  }

  void MeasureMix() {
    std::vector<Size> squares;
    for (const int side : kSquares) squares.push_back(Square(side));
    const std::vector<Size> batch = FullBatch(squares);
    const std::vector<NoiseBatch> batches = Prepare(batch);
    const double alone = Saturate(batches, 1);
    std::optional<DeviceGaps> gaps;
    if (!device_.is_cpu()) gaps.emplace(device_);
    const double overlapped = Saturate(batches, engine_->overlapping_runs());
    const std::optional<double> idle = gaps.has_value() ? gaps->IdleShare() : std::nullopt;
    const Rate rate = RateOf(overlapped, batch);
    double apart = 0;
    for (const double seconds : seconds_of_) apart += seconds;
    figures_->Add("mix_batch_images", static_cast<double>(batch.size()), "");
    figures_->Add("mix_images_per_second", rate.images,
                  absl::StrFormat("%.2f of the ceiling", rate.flops / ceiling_));
    figures_->Add("mix_of_squares", rate.images * apart / static_cast<double>(squares.size()),
                  "rate over that of its sizes, each in batches of its own");
    figures_->Add("mix_overlapped_over_not", overlapped / alone, "two callers over one");
    if (idle.has_value()) figures_->Add("device_idle_share", *idle, "between batches of the mix");
  }

  void MeasureBatchPerSize() {
    const std::vector<Size> sizes = Fit(spec_, EightSizes());
    const std::vector<Size> batch = FullBatch(sizes);
    const Rate packed = FullRate(batch);
    // What fits into a packed batch, cut at each size.
    const size_t each = batch.size() / sizes.size();
    double apart = 0;
    for (const Size size : sizes) apart += 1 / FullRate(std::vector<Size>(each, size)).images;
    figures_->Add("packed_over_batch_per_size",
                  packed.images * apart / static_cast<double>(sizes.size()),
                  absl::StrFormat("eight sizes, %d of each", each));
  }

  void MeasureOneImage() {
    const NoiseBatch batch({Square(224)}, random_);
    std::vector<double> seconds;
    for (int i = 0; i < 50; ++i) seconds.push_back(batch.TimeRun(engine_, WallSeconds));
    figures_->Add("one_image_224_p50_ms", Median(seconds) * 1e3, "");
  }

  void MeasureUnseenSizes() {
    figures_->Add("unseen_over_repeated",
                  UnseenOverRepeated(engine_, spec_, kLongest, 20, random_, WallSeconds),
                  "time, random sizes");
  }

  // Of the device, after batches of random sizes.
  void MeasureMemory() {
    const auto reserved = [&](int count) {
      for (int i = 0; i < count; ++i) {
        NoiseBatch(FullBatch({AnySize(), AnySize(), AnySize()}), random_)
            .TimeRun(engine_, WallSeconds);
      }
      return static_cast<double>(engine_->device_memory().reserved);
    };
    const double before = reserved(20);
    if (before > 0) {
      figures_->Add(
          "memory_growth", reserved(80) / before,
          absl::StrFormat("of %.1f GiB of the device, over 80 batches", before / (1 << 30)));
    }
  }

  Size AnySize() { return RandomSize(spec_, kLongest, random_); }

  Engine* const engine_;
  const c10::Device device_;
  const ModelSpec spec_;
  const CostModel cost_model_;
  const ModelWork work_;
  Figures* const figures_;
  double batch_cost_ = 0;
  double ceiling_ = 0;
  // Of an image of each square, at its own full rate.
  std::vector<double> seconds_of_;
  // Unseeded on purpose: two runs in a row must not be equal, nothing here checks a value.
  std::mt19937 random_{std::random_device()()};
};

int Main(const std::string& directory) {
  const std::string device = absl::GetFlag(FLAGS_device);
  LoadedModel model = LoadForBenchmark(directory, device, /*threads=*/0);
  Figures figures;
  figures.Add("load_seconds", model.load_seconds, "");
  DeviceBenchmark benchmark(model.engine.get(), c10::Device(device), model.spec,
                            std::move(model.work), &figures);
  benchmark.Run();
  if (!absl::GetFlag(FLAGS_json).empty()) figures.Write(absl::GetFlag(FLAGS_json));
  return 0;
}

}  // namespace
}  // namespace radio

int main(int argc, char** argv) {
  radio::ConfigureRuntimeEnvironment(argv);
  absl::SetProgramUsageMessage("device_benchmark --artefact=DIR [--device=cuda:N] [--json=FILE]");
  absl::ParseCommandLine(argc, argv);
  return radio::Main(absl::GetFlag(FLAGS_artefact));
}
