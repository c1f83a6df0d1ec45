// SPDX-License-Identifier: Apache-2.0
// The official OpenAI client, driven.
import * as exported from 'openai';
import { drive } from './drive.mjs';

await drive(exported, (gate) => `${gate}/v1`, (error) => ({ code: error?.code, param: error?.param, type: error?.type }));
