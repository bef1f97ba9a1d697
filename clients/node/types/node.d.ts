// The one name of Node's types that pino.d.ts needs, so that the test needs no package of them.
declare module "node:stream" {
  export class Writable {
    end(): void;
  }
}
