// Environment variables that LibTorch reads while it is being loaded.
#ifndef RADIO_MODEL_ENGINE_TORCH_RUNTIME_ENVIRONMENT_H_
#define RADIO_MODEL_ENGINE_TORCH_RUNTIME_ENVIRONMENT_H_

namespace radio {

// Bounds the caches that oneDNN and LibTorch keep per shape, which otherwise grow with every image
// size ever seen (measured over 500 random batches: 300 -> 900 MB and rising; bounded: 296 MB and
// flat, no slower), lets OpenMP's threads sleep while they wait and has large blocks given back
// when they are freed. The libraries read their variables before main() runs, so when one is
// missing this sets it and starts the same program again, in the same process, with the same
// arguments. Variables that are set already, to whatever value, are left alone.
//
// Call it as main()'s first statement, before any thread exists. Returns when all is set, or when
// the program could not be started again (then the caches stay unbounded).
void ConfigureRuntimeEnvironment(char** argv);

}  // namespace radio

#endif  // RADIO_MODEL_ENGINE_TORCH_RUNTIME_ENVIRONMENT_H_
