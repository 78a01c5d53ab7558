// engine_benchmark --artefact=DIR: how near the engine comes to what the machine can do, and what
// packing images of many sizes is worth. Every figure is a ratio of times taken in this run.
#include <algorithm>
#include <cstdio>
#include <limits>
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
#include "model/engine/torch/runtime_environment.h"
#include "tests/benchmark/figures.h"
#include "tests/benchmark/loaded_model.h"
#include "tests/benchmark/machine_load.h"
#include "tests/benchmark/model_work.h"
#include "tests/benchmark/noise_batch.h"
#include "tests/benchmark/operator_times.h"

ABSL_FLAG(std::string, artefact, "", "folder of an exported ViT model");
ABSL_FLAG(int, threads, 0, "intra-op threads; 0: one per core");
ABSL_FLAG(int, repeats, 5,
          "runs of each variant, interleaved: the fastest counts, of ratios the median");
ABSL_FLAG(int, sizes, 20, "sizes never seen before, each compared with its own repetition");
ABSL_FLAG(int, soak, 0, "batches of random sizes after which memory is compared; 0: none");
ABSL_FLAG(bool, thread_time, false,
          "count processor time instead of wall time: for a busy machine, with --threads=1");
ABSL_FLAG(std::string, json, "", "also write the figures to this file");

namespace radio {
namespace {

const Sides& Mix() {
  static const auto* sides = new Sides{{224, 224}, {224, 336}, {336, 224}, {432, 432}, {512, 384}};
  return *sides;
}
// Pixels a side of random sizes.
constexpr int kLongest = 512;
constexpr int kSquares[] = {224, 432, 512};

double Now() { return absl::GetFlag(FLAGS_thread_time) ? ThreadSeconds() : WallSeconds(); }

class EngineBenchmark {
 public:
  EngineBenchmark(Engine* engine, int threads, const ModelSpec& spec, ModelWork work,
                  Figures* figures)
      : engine_(engine), threads_(threads), spec_(spec), work_(std::move(work)), figures_(figures) {
    mix_ = Fit(spec_, Mix());
  }

  void Run() {
    const int repeats = std::max(1, absl::GetFlag(FLAGS_repeats));
    MeasureMix(repeats);
    // Large batches: few are enough.
    MeasurePadding(std::min(repeats, 2));
    MeasureBatchPerSize(std::min(repeats, 3));
    MeasureSquares(repeats);
    MeasureUnseenSizes(absl::GetFlag(FLAGS_sizes));
    MeasureMemory(absl::GetFlag(FLAGS_soak));
  }

 private:
  double FlopsOf(const std::vector<Size>& sizes) const {
    double flops = 0;
    for (const Size size : sizes) flops += work_.FlopsOf(TokensOf(spec_, size));
    return flops;
  }

  // Seconds of one batch of these sizes.
  double TimeBatch(const std::vector<Size>& sizes) {
    return NoiseBatch(sizes, random_).TimeRun(engine_, Now);
  }

  // The fastest of each variant; a variant is a list of batches. Interleaved, so that a slow spell
  // of the machine hits all of them.
  std::vector<double> BestOf(const std::vector<std::vector<std::vector<Size>>>& variants,
                             int repeats) {
    std::vector<double> best(variants.size(), std::numeric_limits<double>::max());
    for (int i = 0; i <= repeats; ++i) {
      for (size_t v = 0; v < variants.size(); ++v) {
        double seconds = 0;
        for (const std::vector<Size>& batch : variants[v]) seconds += TimeBatch(batch);
        // The first round warms up.
        if (i > 0) best[v] = std::min(best[v], seconds);
      }
    }
    return best;
  }

  // Of the machine, now: what it lends to matrix products changes from second to second, so each
  // ratio to it is taken in its neighbourhood, and the median of the ratios counts.
  double Ceiling() const {
    int64_t rows = 0;
    for (const Size size : mix_) rows += TokensOf(spec_, size);
    return MatmulCeiling(work_, rows, c10::kCPU, threads_, 2, Now);
  }

  // The mix packed, image by image, and the operators inside its forward passes.
  void MeasureMix(int repeats) {
    double linear_flops = 0;
    double attention_flops = 0;
    for (const Size size : mix_) {
      linear_flops += work_.LinearFlopsOf(TokensOf(spec_, size));
      attention_flops += work_.AttentionFlopsOf(TokensOf(spec_, size));
    }
    std::vector<double> ceilings, packed, of_ceiling, one_by_one;
    std::vector<double> linears_of_ceiling, attention_of_linears, linear_share, attention_share;
    TimeBatch(mix_);
    for (int i = 0; i < repeats; ++i) {
      const double ceiling = Ceiling();
      const OperatorTimes times(Now);
      const double forward = TimeBatch(mix_);
      const double linear = OperatorTimes::Of("radio::linear");
      const double attention = OperatorTimes::Of("radio::varlen_attention");
      double apart = 0;
      for (const Size size : mix_) apart += TimeBatch({size});
      ceilings.push_back(ceiling);
      packed.push_back(static_cast<double>(mix_.size()) / forward);
      of_ceiling.push_back(FlopsOf(mix_) / forward / ceiling);
      one_by_one.push_back(apart / forward);
      linears_of_ceiling.push_back(linear_flops / linear / ceiling);
      attention_of_linears.push_back(attention_flops / attention / (linear_flops / linear));
      linear_share.push_back(linear / forward);
      attention_share.push_back(attention / forward);
    }
    figures_->Add("ceiling_gflops", *std::max_element(ceilings.begin(), ceilings.end()) / 1e9,
                  ComputesInBfloat16(work_, c10::kCPU) ? "bfloat16, model's shapes"
                                                       : "float32, model's shapes");
    figures_->Add("packed_images_per_second", *std::max_element(packed.begin(), packed.end()),
                  "mix of five sizes");
    figures_->Add("packed_of_ceiling", Median(of_ceiling), "useful rate / ceiling");
    figures_->Add("packed_over_one_by_one", Median(one_by_one), "speed-up, same images");
    figures_->Add("linears_of_ceiling", Median(linears_of_ceiling),
                  absl::StrFormat("%.0f %% of the forward pass", 100 * Median(linear_share)));
    figures_->Add("attention_of_linears", Median(attention_of_linears),
                  absl::StrFormat("%.0f %% of the forward pass", 100 * Median(attention_share)));
  }

  void MeasurePadding(int repeats) {
    const std::vector<Size> mix = Fit(spec_, WideMix());
    const std::vector<double> best =
        BestOf({{mix}, {std::vector<Size>(mix.size(), mix.back())}}, repeats);
    figures_->Add("packed_over_padded", best[1] / best[0],
                  absl::StrCat("mix of five squares, all at ", mix.back().height));
  }

  // Two images of each size.
  void MeasureBatchPerSize(int repeats) {
    const std::vector<Size> sizes = Fit(spec_, EightSizes());
    std::vector<std::vector<Size>> apart;
    for (const Size size : sizes) apart.push_back({size, size});
    const std::vector<double> best = BestOf({{sizes, sizes}, apart}, repeats);
    figures_->Add("packed_over_batch_per_size", best[1] / best[0], "speed-up, eight sizes");
  }

  void MeasureSquares(int repeats) {
    for (const int side : kSquares) {
      const Size size = NearestSupportedSize(spec_, {side, side});
      std::vector<double> seconds, of_ceiling;
      TimeBatch({size});
      for (int i = 0; i < repeats; ++i) {
        const double ceiling = Ceiling();
        seconds.push_back(TimeBatch({size}));
        of_ceiling.push_back(FlopsOf({size}) / seconds.back() / ceiling);
      }
      const std::string name = absl::StrCat("one_image_", size.height);
      figures_->Add(name + "_ms", *std::min_element(seconds.begin(), seconds.end()) * 1e3, "");
      figures_->Add(name + "_of_ceiling", Median(of_ceiling), "");
    }
  }

  Size AnySize() { return RandomSize(spec_, kLongest, random_); }

  void MeasureUnseenSizes(int count) {
    if (count <= 0) return;
    figures_->Add("unseen_over_repeated",
                  UnseenOverRepeated(engine_, spec_, kLongest, count, random_, Now),
                  "time, random sizes");
  }

  void MeasureMemory(int batches) {
    if (batches <= 0) return;
    const auto soak = [&](int count) {
      for (int i = 0; i < count; ++i) TimeBatch({AnySize(), AnySize(), AnySize()});
    };
    // The allocator settles in the first fifth.
    soak(batches / 5);
    const int64_t before = ResidentBytes();
    soak(batches - batches / 5);
    figures_->Add("memory_growth",
                  static_cast<double>(ResidentBytes()) / static_cast<double>(before),
                  absl::StrFormat("from %d MB, over %d batches", before >> 20, batches));
  }

  Engine* const engine_;
  const int threads_;
  const ModelSpec spec_;
  const ModelWork work_;
  Figures* const figures_;
  std::vector<Size> mix_;
  // Unseeded on purpose: two runs in a row must not be equal, nothing here checks a value.
  std::mt19937 random_{std::random_device()()};
};

int Main(const std::string& directory) {
  int threads = absl::GetFlag(FLAGS_threads);
  if (threads == 0) threads = static_cast<int>(std::thread::hardware_concurrency());
  LoadedModel model = LoadForBenchmark(directory, "cpu", threads);
  Figures figures;
  figures.Add("load_seconds", model.load_seconds, "");
  const MachineLoad load;
  EngineBenchmark benchmark(model.engine.get(), threads, model.spec, std::move(model.work),
                            &figures);
  benchmark.Run();
  figures.Add("foreign_cpu_share", load.ForeignShare(), "above 0.05: repeat on a quiet machine");
  figures.Add("resident_mb", static_cast<double>(ResidentBytes() >> 20), "");
  if (!absl::GetFlag(FLAGS_json).empty()) figures.Write(absl::GetFlag(FLAGS_json));
  return 0;
}

}  // namespace
}  // namespace radio

int main(int argc, char** argv) {
  radio::ConfigureRuntimeEnvironment(argv);
  absl::SetProgramUsageMessage("engine_benchmark --artefact=DIR [--threads=N] [--json=FILE]");
  absl::ParseCommandLine(argc, argv);
  return radio::Main(absl::GetFlag(FLAGS_artefact));
}
